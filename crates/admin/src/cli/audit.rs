//! `authserver admin audit …`

use super::api::Api;
use super::{Part, Result, print_list, text, to_the_second};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::Write;

/// Commands on the audit trail. `authserver audit verify` checks that nobody tampered with it.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List events, newest first
    List(List),
}

#[derive(Debug, Args)]
pub struct List {
    /// Only these actions, such as token.issued; several with commas between
    #[arg(long)]
    action: Option<String>,
    /// Only what concerns this user: id
    #[arg(long)]
    user_id: Option<String>,
    /// Only what this one did: a user id, a client id, admin, system or anonymous
    #[arg(long)]
    actor_id: Option<String>,
    /// Only what this client was in play at
    #[arg(long)]
    client_id: Option<String>,
    /// Only what came from this address
    #[arg(long)]
    ip: Option<String>,
    /// Only what belongs to this trace
    #[arg(long)]
    trace_id: Option<String>,
    /// Only events whose detail, resource, client or actor contains this
    #[arg(long)]
    q: Option<String>,
    /// Only what happened since: a time, or how far back, such as 90m or 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only what happened before
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    part: Part,
}

pub(super) async fn run(command: AuditCommand, api: &Api, out: &mut impl Write) -> Result {
    let AuditCommand::List(list) = command;
    let filter = [
        ("action", list.action),
        ("user_id", list.user_id),
        ("actor_id", list.actor_id),
        ("client_id", list.client_id),
        ("ip", list.ip),
        ("trace_id", list.trace_id),
        ("q", list.q),
        ("since", list.since),
        ("until", list.until),
    ];
    let events = ("/admin/audit", "events");
    let found = api.list(events, &filter, &list.part).await?;
    let columns = ["time", "action", "detail"];
    let none = "No events found. Look further back with --since, such as --since 30d.";
    print_list(out, list.part.json, &found, (&columns, none), |own| {
        vec![
            to_the_second(own, "created_at"),
            text(own, "action"),
            involved(own),
        ]
    })
}

/// Who did it, to whom and with what, as `name=value …`, in front of the event's own detail.
fn involved(event: &Value) -> String {
    let members = [
        ("actor", "actor_id"),
        ("user", "user_id"),
        ("client", "client_id"),
        ("resource", "resource"),
        ("ip", "ip"),
    ];
    let named = members.map(|(name, member)| (name, text(event, member)));
    let named = named.into_iter().filter(|(_, value)| !value.is_empty());
    let mut parts: Vec<_> = named
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parts.push(text(event, "detail"));
    parts.join(" ")
}
