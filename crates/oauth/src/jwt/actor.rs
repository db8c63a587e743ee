//! Who acts for whom: the `act` claim (RFC 8693 §4.1) and the list of agents beside it.

use serde_json::{Map, Value};

/// The most actors of a chain that is read. The limit that an operator sets lies below.
pub const MAX_ACTOR_DEPTH: usize = 32;
/// The most entries of `agent_chain`.
pub const MAX_AGENT_CHAIN: usize = 8;

/// Why a value is not a chain of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ActorChainError {
    /// `act`, at some depth, is not an object.
    #[error("an act claim is not an object")]
    NotAnObject,
    /// More than [`MAX_ACTOR_DEPTH`] actors.
    #[error("act claims are nested more than {MAX_ACTOR_DEPTH} deep")]
    TooDeep,
}

/// `actor_type` of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorType {
    /// A client that is registered as an agent.
    Agent,
    /// Any other client or resource.
    Service,
}

impl ActorType {
    /// The fixed word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Service => "service",
        }
    }
}

/// One actor to be added to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actor<'a> {
    /// Who acts.
    pub sub: &'a str,
    /// As what.
    pub actor_type: ActorType,
}

/// The actors of a token, the one that acts now outermost, those before it nested within
/// (RFC 8693 §4.1). Members of inner actors pass through unchanged, known or not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ActorChain {
    act: Option<Map<String, Value>>,
    depth: usize,
}

impl ActorChain {
    /// Reads the `act` claim of a token; none is the empty chain.
    ///
    /// # Errors
    /// When an `act` is not an object, or they are nested too deep.
    pub fn read(act: Option<Value>) -> Result<Self, ActorChainError> {
        let mut depth = 0;
        let mut next = act.as_ref();
        while let Some(actor) = next {
            let members = actor.as_object().ok_or(ActorChainError::NotAnObject)?;
            depth += 1;
            if depth > MAX_ACTOR_DEPTH {
                return Err(ActorChainError::TooDeep);
            }
            next = members.get("act");
        }
        let act = match act {
            Some(Value::Object(members)) => Some(members),
            _ => None,
        };
        Ok(Self { act, depth })
    }

    /// How many actors there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Who acts now: `sub` of the outermost actor.
    #[must_use]
    pub fn acting(&self) -> Option<&str> {
        self.act.as_ref()?.get("sub")?.as_str()
    }

    /// The chain with `outer` acting now, and this chain nested within it (RFC 8693 §4.1).
    #[must_use]
    pub fn wrap(self, outer: Actor<'_>) -> Self {
        let mut members = Map::new();
        members.insert("sub".into(), outer.sub.into());
        members.insert("actor_type".into(), outer.actor_type.as_str().into());
        if let Some(inner) = self.act {
            members.insert("act".into(), Value::Object(inner));
        }
        Self {
            act: Some(members),
            depth: self.depth + 1,
        }
    }

    /// This chain with all of `inner` before it: nested within the innermost actor.
    #[must_use]
    pub fn nest(self, inner: Self) -> Self {
        let mut actors = Vec::with_capacity(self.depth);
        let mut next = self.act;
        while let Some(mut members) = next {
            next = match members.remove("act") {
                Some(Value::Object(act)) => Some(act),
                _ => None,
            };
            actors.push(members);
        }
        let act = actors
            .into_iter()
            .rev()
            .fold(inner.act, |act, mut members| {
                if let Some(act) = act {
                    members.insert("act".into(), Value::Object(act));
                }
                Some(members)
            });
        Self {
            act,
            depth: self.depth + inner.depth,
        }
    }

    /// The `act` claim; none for the empty chain.
    #[must_use]
    pub fn into_claim(self) -> Option<Value> {
        self.act.map(Value::Object)
    }
}

/// Adds `agent` at the end of `agent_chain`, which is oldest first and has at most
/// [`MAX_AGENT_CHAIN`] entries: of a longer chain the latest remain.
pub fn push_agent(agent_chain: &mut Vec<String>, agent: String) {
    agent_chain.push(agent);
    let surplus = agent_chain.len().saturating_sub(MAX_AGENT_CHAIN);
    agent_chain.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn agent(sub: &str) -> Actor<'_> {
        Actor {
            sub,
            actor_type: ActorType::Agent,
        }
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!({"sub": "0"}), |act, _| json!({"act": act}))
    }

    #[test]
    fn the_latest_actor_is_outermost_and_inner_members_pass_unchanged() {
        let inner = json!({
            "sub": "planner", "iss": "https://other", "x": [1, {"y": null}],
            "act": {"sub": "first", "weight": 1.5},
        });
        let chain = ActorChain::read(Some(inner.clone())).unwrap();
        assert_eq!(chain.depth(), 2);
        let chain = chain.wrap(Actor {
            sub: "tool",
            actor_type: ActorType::Service,
        });
        assert_eq!(chain.depth(), 3);
        assert_eq!(
            chain.into_claim().unwrap(),
            json!({"sub": "tool", "actor_type": "service", "act": inner})
        );
    }

    #[test]
    fn the_first_actor_has_nothing_within() {
        assert_eq!(ActorChain::read(None).unwrap(), ActorChain::default());
        assert_eq!(ActorChain::default().into_claim(), None);
        let chain = ActorChain::default().wrap(agent("a"));
        assert_eq!(chain.depth(), 1);
        assert_eq!(chain.acting(), Some("a"));
        assert_eq!(ActorChain::default().acting(), None);
        assert_eq!(
            chain.into_claim(),
            Some(json!({"sub": "a", "actor_type": "agent"}))
        );
    }

    #[test]
    fn a_chain_nests_within_the_innermost_actor_of_another() {
        let outer = ActorChain::read(Some(json!({"sub": "a", "act": {"sub": "b"}}))).unwrap();
        let inner = ActorChain::read(Some(json!({"sub": "c", "act": {"sub": "d"}}))).unwrap();
        let both = outer.clone().nest(inner.clone());
        assert_eq!(both.depth(), 4);
        assert_eq!(
            both.into_claim().unwrap(),
            json!({"sub": "a", "act": {"sub": "b", "act": {"sub": "c", "act": {"sub": "d"}}}})
        );
        assert_eq!(outer.clone().nest(ActorChain::default()), outer);
        assert_eq!(ActorChain::default().nest(inner.clone()), inner);
    }

    #[test]
    fn what_is_no_chain_of_objects_is_refused() {
        for bad in [
            json!("a"),
            json!(null),
            json!([{"sub": "a"}]),
            json!({"sub": "a", "act": "b"}),
            json!({"sub": "a", "act": null}),
            json!({"sub": "a", "act": {"sub": "b", "act": 7}}),
        ] {
            assert_eq!(
                ActorChain::read(Some(bad.clone())),
                Err(ActorChainError::NotAnObject),
                "{bad}"
            );
        }
    }

    #[test]
    fn chains_are_read_up_to_a_depth() {
        let deepest = ActorChain::read(Some(nested(MAX_ACTOR_DEPTH - 1))).unwrap();
        assert_eq!(deepest.depth(), MAX_ACTOR_DEPTH);
        for depth in [MAX_ACTOR_DEPTH, 100, 1_000] {
            assert_eq!(
                ActorChain::read(Some(nested(depth))),
                Err(ActorChainError::TooDeep)
            );
        }
    }

    #[test]
    fn the_agent_chain_keeps_the_latest_eight_oldest_first() {
        let mut chain = Vec::new();
        for number in 0..10 {
            push_agent(&mut chain, number.to_string());
        }
        assert_eq!(chain, ["2", "3", "4", "5", "6", "7", "8", "9"]);
    }

    proptest! {
        #[test]
        fn wrapping_adds_one_and_reads_back(subs in proptest::collection::vec(any::<String>(), 0..12)) {
            let chain = subs.iter().fold(ActorChain::default(), |chain, sub| chain.wrap(agent(sub)));
            prop_assert_eq!(chain.depth(), subs.len());
            let mut act = chain.clone().into_claim();
            prop_assert_eq!(ActorChain::read(act.clone()).unwrap(), chain);
            for sub in subs.iter().rev() {
                let hop = act.unwrap();
                prop_assert_eq!(hop["sub"].as_str(), Some(sub.as_str()));
                act = hop.get("act").cloned();
            }
            prop_assert_eq!(act, None);
        }

        #[test]
        fn any_json_is_read_or_refused(text in r#"(\{"act":){0,4}[{}"a-z:0-9,\[\]]{0,20}\}{0,4}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text)
                && let Ok(chain) = ActorChain::read(Some(value.clone()))
            {
                prop_assert_eq!(chain.into_claim(), Some(value));
            }
        }
    }
}
