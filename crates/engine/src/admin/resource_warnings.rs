//! What an operator should know of a resource that was registered or changed.

use crate::audience::implied_resource;
use crate::{Engine, Result};
use domain::{Client, ClientStatus, GrantType, Resource, ScopeSet};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{ClientFilter, Page};

/// Clients that are named in a warning; of others it says how many they are.
const NAMED: usize = 20;

/// The registered resources before and after a change of one of them.
pub(super) struct Catalogs {
    before: Vec<Arc<Resource>>,
    after: Vec<Arc<Resource>>,
}

/// That an identifier is not kept as it was given.
pub(super) fn respelled(given: &str, kept: &str) -> Option<String> {
    (given != kept).then(|| {
        format!(
            "uri: {given} is kept as {kept}, its normal form (RFC 3986 section 6.2), which is the aud of \
             tokens; requests may spell it either way"
        )
    })
}

/// That clients do not find a resource by the URL of its server, since it has none.
pub(super) fn nameless(resource: &Resource) -> Option<String> {
    let slug = &resource.slug;
    resource.uri.is_none().then(|| {
        format!(
            "uri: {slug} has none, so the aud of its tokens is {slug}; MCP clients ask for the URL of a server and \
             do not find it: authserver admin resource update {slug} --uri URL"
        )
    })
}

impl Catalogs {
    /// `resource` joins the others, or takes the place of what it was.
    pub fn with(before: Vec<Arc<Resource>>, resource: &Resource) -> Self {
        let others = before.iter().filter(|own| own.id != resource.id);
        let mut after: Vec<_> = others.cloned().collect();
        after.push(Arc::new(resource.clone()));
        Self { before, after }
    }

    /// The scopes that other resources than before have, of which several have or had them; and
    /// those resources.
    fn shared(&self) -> (ScopeSet, BTreeSet<&str>) {
        let holders = |all: &'_ [Arc<Resource>], scope: &str| -> Vec<usize> {
            let all = all.iter().enumerate();
            all.filter(|(_, own)| own.has_scope(scope))
                .map(|(index, _)| index)
                .collect()
        };
        let (mut scopes, mut slugs) = (ScopeSet::default(), BTreeSet::new());
        let known = self.before.iter().chain(&self.after);
        for scope in known.flat_map(|own| own.catalog().iter().cloned().collect::<Vec<_>>()) {
            if scopes.contains(scope.as_str()) {
                continue;
            }
            let of = |all: &'_ [Arc<Resource>]| -> BTreeSet<String> {
                let held = holders(all, scope.as_str());
                held.into_iter().map(|at| all[at].slug.clone()).collect()
            };
            let (old, new) = (of(&self.before), of(&self.after));
            if old != new && old.len().max(new.len()) > 1 {
                slugs.extend(
                    self.after
                        .iter()
                        .filter_map(|own| new.contains(&own.slug).then_some(own.slug.as_str())),
                );
                scopes.insert(scope);
            }
        }
        (scopes, slugs)
    }

    /// Whether a request of `client` that names no resource, and one of `scopes` or none at all,
    /// is for another one than before.
    fn move_requests_of(&self, client: &Client, scopes: &[ScopeSet]) -> bool {
        let of = |all: &[Arc<Resource>], asked: Option<&ScopeSet>| {
            implied_resource(all.iter(), client, asked).map(|own| own.id.clone())
        };
        let moves = |asked| of(&self.before, asked) != of(&self.after, asked);
        let interactive = client.may_use(GrantType::AuthorizationCode);
        if client.scope.is_empty() && !interactive {
            return false;
        }
        let admitted = |asked: &&ScopeSet| {
            let mut asked = asked.iter();
            asked.all(|scope| client.ceiling_admits(scope.as_str()))
        };
        moves(None)
            || scopes
                .iter()
                .filter(admitted)
                .any(|asked| moves(Some(asked)))
    }
}

impl Engine {
    /// Which clients' requests without `resource` are for something else from now on: a resource
    /// that shares a scope with another takes away what named it.
    pub(super) async fn moved_requests(&self, catalogs: &Catalogs) -> Result<Option<String>> {
        let (shared, slugs) = catalogs.shared();
        let second = catalogs.before.len() == 1 && catalogs.after.len() == 2;
        if shared.is_empty() && !second {
            return Ok(None);
        }
        let each: Vec<_> = shared
            .iter()
            .map(|scope| ScopeSet::from_iter([scope.clone()]))
            .collect();
        let (mut named, mut more) = (Vec::new(), 0_usize);
        let mut filter = ClientFilter {
            status: Some(ClientStatus::Active),
            ..ClientFilter::default()
        };
        let page = Page {
            limit: 1000,
            offset: 0,
        };
        loop {
            let part = self.store().clients(&filter, &page).await?;
            let moved = part.rows.iter();
            for client in moved.filter(|client| catalogs.move_requests_of(client, &each)) {
                match named.len() < NAMED {
                    true => named.push(format!("{} ({})", client.id, client.name)),
                    false => more += 1,
                }
            }
            filter.behind = part.next;
            if filter.behind.is_none() {
                break;
            }
        }
        Ok(told(&shared, &slugs, &named, more))
    }
}

fn told(
    shared: &ScopeSet,
    slugs: &BTreeSet<&str>,
    named: &[String],
    more: usize,
) -> Option<String> {
    let mut clients = match named {
        [] => String::from("of no client that is registered now"),
        named => format!("of {}", named.join(", ")),
    };
    if more > 0 {
        clients.push_str(&format!(" and {more} more"));
    }
    let slugs = slugs.iter().copied().collect::<Vec<_>>().join(", ");
    let remedy =
        "let clients send resource, give them a default_resource, or keep scope names apart";
    match (shared.is_empty(), named) {
        // Nobody asks for nothing.
        (true, []) => None,
        (true, _) => Some(format!(
            "scopes: with a second resource, requests {clients} that name neither scope nor resource are for \
             another audience than before; {remedy}"
        )),
        (false, _) => Some(format!(
            "scopes: {shared} belong to {slugs}, so that requests {clients} that name no resource are for another \
             audience than before; {remedy}"
        )),
    }
}
