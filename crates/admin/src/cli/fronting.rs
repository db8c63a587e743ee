//! `authserver admin fronting …`

use super::api::{Api, path};
use super::{CliError, Result, print_done, print_list, print_one, text};
use clap::{Args, Subcommand};
use engine::admin::ScopeMap;
use serde_json::{Value, json};
use std::io::Write;

/// Commands on fronting links.
#[derive(Debug, Subcommand)]
pub enum FrontingCommand {
    /// Let a gateway obtain tokens for a resource behind it
    Create(Create),
    /// Show one link
    Get(One),
    /// List the links
    List {
        /// Only those of this resource: slug or id
        #[arg(long)]
        resource: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a link another scope map
    Update(Update),
    /// Delete a link; tokens already obtained live on
    Delete(One),
}

#[derive(Debug, Args)]
pub struct Ends {
    /// The gateway: slug or id
    #[arg(required_unless_present = "source_option")]
    source: Option<String>,
    /// The resource behind it: slug or id
    #[arg(required_unless_present = "target_option")]
    target: Option<String>,
    /// The same as the first argument
    #[arg(
        long = "source",
        id = "source_option",
        value_name = "SOURCE",
        conflicts_with = "source"
    )]
    source_option: Option<String>,
    /// The same as the second argument
    #[arg(
        long = "target",
        id = "target_option",
        value_name = "TARGET",
        conflicts_with = "target"
    )]
    target_option: Option<String>,
}

impl Ends {
    fn names(&self) -> (&str, &str) {
        let source = self.source.as_deref().or(self.source_option.as_deref());
        let target = self.target.as_deref().or(self.target_option.as_deref());
        (source.unwrap_or_default(), target.unwrap_or_default())
    }
}

#[derive(Debug, Args)]
pub struct Map {
    /// Scopes of the gateway and what each stands for, as read:repo+org,write:repo; with = in
    /// place of : for scopes that hold a colon, or as a JSON object; may be repeated
    #[arg(long = "scope-map", value_name = "MAP", required = true)]
    scope_map: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    ends: Ends,
    #[command(flatten)]
    map: Map,
    /// Only say whether it could be done
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct One {
    #[command(flatten)]
    ends: Ends,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Update {
    #[command(flatten)]
    ends: Ends,
    #[command(flatten)]
    map: Map,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Map {
    fn read(&self) -> Result<ScopeMap> {
        let mut whole = ScopeMap::new();
        for text in &self.scope_map {
            for (source, targets) in read_map(text)? {
                whole.entry(source).or_default().extend(targets);
            }
        }
        Ok(whole)
    }
}

fn read_map(text: &str) -> Result<ScopeMap> {
    if text.starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| CliError::Refused(format!("scope_map: {error}")));
    }
    let pairs = text.split(',').map(|pair| {
        let halves = pair.split_once('=').or_else(|| pair.split_once(':'));
        let (source, targets) = halves.ok_or_else(|| {
            CliError::Refused(format!(
                "scope_map: write '{pair}' as source:target or source:target+target"
            ))
        })?;
        let targets = targets.split('+').map(|scope| scope.trim().to_owned());
        Ok((source.trim().to_owned(), targets.collect()))
    });
    pairs.collect()
}

fn shown(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    let pairs = pairs.map(|(source, _)| {
        let targets = super::words(map, source).replace(' ', "+");
        format!("{source}={targets}")
    });
    pairs.collect::<Vec<_>>().join(",")
}

pub(super) async fn run(command: FrontingCommand, api: &Api, out: &mut impl Write) -> Result {
    let link = |ends: &Ends| {
        let (source, target) = ends.names();
        path(&["fronting", source, target])
    };
    match command {
        FrontingCommand::Create(create) => {
            let (source, target) = create.ends.names();
            let new = json!({
                "source_slug": source,
                "target_slug": target,
                "scope_map": create.map.read()?,
                "dry_run": create.dry_run,
            });
            let made = api.post("/admin/fronting", Some(new)).await?;
            print_one(out, create.json, &made)
        }
        FrontingCommand::Get(one) => {
            let found = api.get(&link(&one.ends)).await?;
            print_one(out, one.json, &found)
        }
        FrontingCommand::List { resource, json } => {
            let (of, lists) = match &resource {
                Some(resource) => (
                    path(&["resources", resource, "fronting"]),
                    &["fronts", "fronted_by"][..],
                ),
                None => ("/admin/fronting".to_owned(), &["fronting_links"][..]),
            };
            let mut found = api.get(&of).await?;
            let mut links = Vec::new();
            for list in lists {
                if let Value::Array(part) = found[*list].take() {
                    links.extend(part);
                }
            }
            print_list(
                out,
                json,
                &links,
                (
                    &["source", "target", "scope map"],
                    "No fronting links found. Make one: authserver admin fronting create",
                ),
                |own| {
                    vec![
                        text(own, "source_slug"),
                        text(own, "target_slug"),
                        shown(&own["scope_map"]),
                    ]
                },
            )
        }
        FrontingCommand::Update(update) => {
            let change = json!({ "scope_map": update.map.read()? });
            let changed = api.patch(&link(&update.ends), Some(change)).await?;
            print_one(out, update.json, &changed)
        }
        FrontingCommand::Delete(one) => {
            let (source, target) = one.ends.names();
            api.delete_known(&link(&one.ends), "").await?;
            print_done(out, one.json, "deleted", &format!("{source} {target}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &[&str])]) -> ScopeMap {
        let owned = |scopes: &[&str]| scopes.iter().map(|&scope| scope.to_owned()).collect();
        let pairs = pairs.iter();
        pairs
            .map(|(source, targets)| ((*source).to_owned(), owned(targets)))
            .collect()
    }

    #[test]
    fn scope_maps_are_read_in_all_their_spellings() {
        let read = map(&[("read", &["repo", "org"]), ("write", &["repo"])]);
        for text in [
            "read:repo+org,write:repo",
            "read: repo + org, write: repo",
            "read=repo+org,write=repo",
            r#"{"read":["repo","org"],"write":["repo"]}"#,
        ] {
            assert_eq!(read_map(text).unwrap(), read, "{text}");
        }
        let colons = map(&[("notes:read", &["repo:read"])]);
        assert_eq!(read_map("notes:read=repo:read").unwrap(), colons);
        let repeated = Map {
            scope_map: vec!["read:repo".into(), "read:org".into()],
        };
        assert_eq!(repeated.read().unwrap(), map(&[("read", &["repo", "org"])]));
        for text in ["", "read", "read:repo,", "{}x"] {
            assert!(read_map(text).is_err(), "{text}");
        }
    }
}
