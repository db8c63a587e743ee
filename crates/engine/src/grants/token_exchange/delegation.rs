//! What an exchanged token says of those who act (RFC 8693 §4.1), and whom it is issued to.

use super::Foundation;
use super::gates::Passage;
use crate::grants::mint::Delegation;
use crate::{Engine, Error, Result};
use domain::{Client, ClientId};
use oauth::ErrorCode;
use oauth::jwt::{Actor, ActorChain, ActorType, push_agent};
use telemetry::metrics::DenyReason;

impl Engine {
    pub(super) async fn delegate(
        &self,
        caller: &Client,
        subject: &Foundation,
        actor: Option<&Foundation>,
        passage: &Passage,
    ) -> Result<Delegation> {
        let mut agent_chain = agents_of(subject);
        let (actors, client_id, agent_id) = if let Some(gateway) = &passage.gateway {
            let slug = gateway.resource.slug.as_str();
            let client = &subject.issuance.client_id;
            let behind = self.with_actor(subject.actors.clone(), client).await?;
            let actors = behind.wrap(Actor {
                sub: slug,
                actor_type: ActorType::Service,
            });
            (actors, ClientId::from(slug), None)
        } else {
            let actors = match actor {
                // The actor's own history comes before the subject's. Whoever shows the token of
                // another acts itself, and behind that other: a token that was received must not
                // make it seem that its holder had done this.
                Some(actor) => {
                    let client = &actor.issuance.client_id;
                    let own = self.with_actor(actor.actors.clone(), client).await?;
                    agent_chain.extend(agents_of(actor));
                    let own = own.nest(subject.actors.clone());
                    self.with_actor(own, &caller.id).await?
                }
                None if subject.is_of(caller) => subject.actors.clone(),
                None => self.with_actor(subject.actors.clone(), &caller.id).await?,
            };
            let agent = caller.agent.then(|| caller.id.to_string());
            (actors, caller.id.clone(), agent)
        };
        let limit = self.config().token_exchange.max_chain_depth;
        if actors.depth() > limit as usize {
            return Err(Error::new(
                ErrorCode::AccessDenied,
                DenyReason::ChainTooDeep,
                format!("more than {limit} actors would stand one behind the other"),
            ));
        }
        let names_agents = self.config().agents.agent_identity_enabled;
        if let Some(agent) = &agent_id {
            agent_chain.push(agent.clone());
        }
        Ok(Delegation {
            client_id,
            act: actors.into_claim(),
            agent_id: agent_id.filter(|_| names_agents),
            agent_chain: match names_agents {
                true => joined(agent_chain),
                false => Vec::new(),
            },
            parent_jti: subject.issuance.jti.clone(),
            consent_client_id: passage.consent_client.clone(),
            consent_resource_id: passage
                .gateway
                .as_ref()
                .map(|gateway| gateway.agreed.clone()),
            obtained_by: passage.gateway.is_some().then(|| caller.id.clone()),
        })
    }

    /// The chain with `client` acting now, unless that is who acts already.
    async fn with_actor(&self, actors: ActorChain, client: &ClientId) -> Result<ActorChain> {
        if actors.acting() == Some(client.as_str()) {
            return Ok(actors);
        }
        let actor_type = match self.is_agent(client).await? {
            true => ActorType::Agent,
            false => ActorType::Service,
        };
        Ok(actors.wrap(Actor {
            sub: client.as_str(),
            actor_type,
        }))
    }

    async fn is_agent(&self, client: &ClientId) -> Result<bool> {
        let client = self.store().client(client.as_str()).await?;
        Ok(client.is_some_and(|client| client.agent))
    }
}

/// The agents through which a token came, the one it names included.
fn agents_of(token: &Foundation) -> Vec<String> {
    let mut agents = token.claims.agent_chain.clone();
    agents.extend(token.claims.agent_id.clone());
    agents
}

/// The agents in their order, none twice in a row, the latest of them (RFC 8693 says nothing
/// of agents; spec: tokens, `agent_chain`).
fn joined(mut agents: Vec<String>) -> Vec<String> {
    agents.dedup();
    let mut chain = Vec::new();
    for agent in agents {
        push_agent(&mut chain, agent);
    }
    chain
}
