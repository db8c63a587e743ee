//! Schemes of redirect URIs: which never lead back to a client.

/// Content that browsers run or show in place of a page.
const CONTENT: &[&str] = &[
    "about",
    "blob",
    "cid",
    "content",
    "data",
    "feed",
    "file",
    "filesystem",
    "jar",
    "javascript",
    "livescript",
    "mhtml",
    "mid",
    "mocha",
    "pcast",
    "res",
    "resource",
    "script",
    "vbscript",
    "view-source",
    "wyciwyg",
    "x-javascript",
];
/// Browsers themselves: another one is opened, or a page inside one.
const BROWSERS: &[&str] = &[
    "brave",
    "chrome",
    "chrome-extension",
    "chrome-search",
    "chrome-untrusted",
    "devtools",
    "edge",
    "firefox",
    "googlechrome",
    "googlechromes",
    "ie.http",
    "microsoft-edge",
    "microsoft-edge-holographic",
    "moz-extension",
    "opera",
    "vivaldi",
    "x-safari-http",
    "x-safari-https",
];
/// Parts of an operating system that take a command, a search, a setting or a package.
const SYSTEM: &[&str] = &[
    "android-app",
    "app-prefs",
    "app-settings",
    "applescript",
    "apt",
    "hcp",
    "help",
    "intent",
    "itms",
    "itms-apps",
    "itms-appss",
    "itms-beta",
    "itms-bookss",
    "itms-services",
    "jnlp",
    "jnlps",
    "macappstore",
    "macappstores",
    "market",
    "message",
    "mk",
    "onenote",
    "onenote-cmd",
    "package",
    "prefs",
    "search",
    "search-ms",
    "shell",
    "shortcuts",
    "snap",
    "steam",
    "workflow",
    "wscript",
    "x-apple-helpbasic",
    "x-apple.systempreferences",
    "x-help-action",
    "x-help-script",
    "x-man-page",
];
/// Other services than the Web: connections to a host of the sender's choice.
const SERVICES: &[&str] = &[
    "afp",
    "cifs",
    "dav",
    "davs",
    "ftp",
    "ftps",
    "git",
    "gopher",
    "imap",
    "ldap",
    "ldaps",
    "mms",
    "news",
    "nfs",
    "nntp",
    "pop",
    "rdp",
    "rlogin",
    "rtsp",
    "sftp",
    "smb",
    "snews",
    "ssh",
    "svn",
    "teamviewer8",
    "telnet",
    "tn3270",
    "vnc",
    "webcal",
    "webcals",
    "ws",
    "wss",
    "x-ssh",
];
/// People, money and places: what begins a message, a call or a payment.
const REACH: &[&str] = &[
    "bitcoin",
    "callto",
    "facetime",
    "facetime-audio",
    "geo",
    "magnet",
    "mailto",
    "mmsto",
    "sip",
    "sips",
    "skype",
    "sms",
    "smsto",
    "tel",
    "urn",
    "xmpp",
];

/// Whether a redirect URI may not have this scheme, whoever registers it. Such schemes run code,
/// or start programs of the system or the user with arguments of the sender's choice; an OAuth
/// client is behind none of them. All that begin with `ms-` are Windows' own.
#[must_use]
pub fn is_refused_scheme(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    scheme.starts_with("ms-")
        || [CONTENT, BROWSERS, SYSTEM, SERVICES, REACH]
            .iter()
            .any(|list| list.contains(&scheme.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_that_run_code_or_start_programs_are_refused() {
        for scheme in [
            "javascript",
            "JavaScript",
            "x-javascript",
            "vbscript",
            "data",
            "blob",
            "file",
            "jar",
            "mhtml",
            "view-source",
            "about",
            "intent",
            "android-app",
            "search",
            "search-ms",
            "shell",
            "microsoft-edge",
            "itms-services",
            "ms-msdt",
            "MS-MSDT",
            "ms-word",
            "ms-excel",
            "ms-officecmd",
            "ms-settings",
            "ms-appinstaller",
            "ms-search",
            "ms-",
            "ssh",
            "telnet",
            "ldap",
            "smb",
            "mailto",
            "tel",
            "shortcuts",
            "jnlp",
            "hcp",
        ] {
            assert!(is_refused_scheme(scheme), "{scheme}");
        }
    }

    #[test]
    fn schemes_of_apps_are_not() {
        for scheme in [
            "https",
            "http",
            "claude",
            "cursor",
            "vscode",
            "vscode-insiders",
            "windsurf",
            "zed",
            "raycast",
            "com.raycast",
            "com.example.app",
            "msauth.com.example.app",
            "msal",
            "org.mozilla.app",
            "warp",
            "goose",
            "lmstudio",
            "chatgpt",
            "x-app",
            "filer",
            "searcher",
            "mssql-app",
        ] {
            assert!(!is_refused_scheme(scheme), "{scheme}");
        }
    }
}
