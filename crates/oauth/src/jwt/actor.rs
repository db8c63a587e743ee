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
