//! What an operator does to clients, users and resources, and what it leaves behind.

use crate::harness::{App, Browser, Database, Process, Server, USER, on_both, within};
use crate::races::cli;
use domain::{AuditAction, AuditEvent, ClientStatus, GrantType, UserStatus};
use engine::admin::{ClientChange, NewClient, ResourceChange, UserChange};
use store::{AuditFilter, Deletion, Page};

on_both!(
    a_resource_is_named_by_a_plain_uri,
    a_client_id_that_an_operator_chose_is_kept,
    every_act_that_ends_tokens_is_counted,
    changes_are_recorded_by_the_names_of_their_fields,
    changes_made_at_two_instances_at_once_are_all_kept,
    a_client_that_was_deleted_is_not_brought_back_by_a_change,
    what_the_server_does_at_its_start_is_its_own_doing,
    a_reload_is_recorded_with_what_it_found,
);

const REVOKED: &str = r#"authserver_tokens_revoked_total{reason="admin"}"#;

async fn every_act_that_ends_tokens_is_counted(database: Database) {
    let server = Server::start(&database).await;
    let mut counted = 0.0;
    // One access token and one family go each time.
    for act in [
        "log out",
        "password",
        "disable",
        "revoke",
        "delete client",
        "delete user",
    ] {
        let user = format!("{}@example.com", act.replace(' ', "-"));
        server.add_user(&user).await;
        let app = server.public_app().await;
        app.tokens(&mut Browser::signed_in_as(&server, &user).await)
            .await;
        end(&server, act, &user, &app).await;
        counted += 2.0;
        assert_eq!(server.metric(REVOKED).await, counted, "{act}");
    }
    server
        .engine
        .update_user(USER, UserChange::default())
        .await
        .unwrap();
    assert_eq!(server.metric(REVOKED).await, counted);
}

async fn end(server: &Server, act: &str, user: &str, app: &App) {
    let (engine, id) = (&server.engine, app.client_id.as_str());
    let new_password = UserChange {
        password: Some("quite another long password".into()),
        ..UserChange::default()
    };
    match act {
        "log out" => drop(engine.force_logout(user).await.unwrap()),
        "password" => drop(engine.update_user(user, new_password).await.unwrap()),
        "disable" => drop(
            engine
                .set_user_status(user, UserStatus::Disabled)
                .await
                .unwrap(),
        ),
        "revoke" => engine
            .set_client_status(id, ClientStatus::Revoked)
            .await
            .unwrap(),
        "delete client" => engine.delete_client(id, Deletion::FORCED).await.unwrap(),
        "delete user" => engine.delete_user(user, Deletion::FORCED).await.unwrap(),
        _ => panic!("{act}"),
    }
}

/// What the newest event of this kind says.
async fn detail(server: &Server, action: AuditAction) -> String {
    let newest = server.audit(action).await.swap_remove(0);
    newest.event.detail
}

async fn changes_are_recorded_by_the_names_of_their_fields(database: Database) {
    let server = Server::start(&database).await;
    let engine = &server.engine;
    let app = server.confidential_app().await;
    let id = app.client_id.as_str();
    let change = ClientChange {
        name: Some("Another name".into()),
        scope: Some("notes/read".into()),
        agent: Some(false),
        ..ClientChange::default()
    };
    engine.update_client(id, change.clone()).await.unwrap();
    let said = detail(&server, AuditAction::ClientUpdated).await;
    assert_eq!(said, "changed=name,scope");
    engine.update_client(id, change).await.unwrap();
    let recorded = server.audit(AuditAction::ClientUpdated).await;
    assert_eq!(recorded.len(), 1, "nothing changed");

    let secret = engine.rotate_client_secret(id).await.unwrap().secret;
    let said = detail(&server, AuditAction::ClientSecretRotated).await;
    assert_eq!(said, "changed=client_secret");
    assert!(secret.is_some());

    let change = UserChange {
        email: Some("countess@example.com".into()),
        password: Some("quite another long password".into()),
        ..UserChange::default()
    };
    engine.update_user(USER, change).await.unwrap();
    let said = detail(&server, AuditAction::UserUpdated).await;
    assert_eq!(said, "changed=email,password");

    let change = ResourceChange {
        display_name: Some("Notes".into()),
        ..ResourceChange::default()
    };
    engine.update_resource("notes", change).await.unwrap();
    let said = detail(&server, AuditAction::ResourcePatched).await;
    assert_eq!(said, "changed=display_name");
}

async fn changes_made_at_two_instances_at_once_are_all_kept(database: Database) {
    const CLIENTS: usize = 8;
    let one = Server::start(&database).await;
    let two = one.beside(&database).await;
    let mut ids = Vec::new();
    for _ in 0..CLIENTS {
        ids.push(one.confidential_app().await.client_id);
    }
    let changes = ids.iter().enumerate().map(|(index, id)| {
        let engine = if index % 2 == 0 { &one } else { &two }.engine.clone();
        let id = id.clone();
        tokio::spawn(async move { engine.add_runtime_client("notes", &id).await })
    });
    for change in changes.collect::<Vec<_>>() {
        change.await.unwrap().unwrap();
    }
    let name = |name: &str| UserChange {
        name: Some(name.into()),
        ..UserChange::default()
    };
    // Nobody's new name undoes that she is disabled.
    let (renamed, disabled, again) = tokio::join!(
        one.engine.update_user(USER, name("Countess")),
        two.engine.set_user_status(USER, UserStatus::Disabled),
        one.engine.update_user(USER, name("Lady")),
    );
    for outcome in [renamed, disabled, again] {
        outcome.unwrap();
    }
    let store = database.look().await;
    let resources = store.resources().await.unwrap();
    let mut kept = resources
        .named("notes")
        .unwrap()
        .policy
        .runtime
        .client_ids
        .clone();
    kept.sort();
    ids.sort();
    assert_eq!(kept, ids);
    let user = store.user_by_email(USER).await.unwrap().unwrap();
    assert_eq!(user.status, UserStatus::Disabled);
}

async fn a_client_that_was_deleted_is_not_brought_back_by_a_change(database: Database) {
    let one = Server::start(&database).await;
    let two = one.beside(&database).await;
    let id = one.confidential_app().await.client_id;
    // Both have it in memory.
    for server in [&one, &two] {
        server.engine.client(&id).await.unwrap();
    }
    let change = ClientChange {
        name: Some("Another name".into()),
        ..ClientChange::default()
    };
    let (deleted, _) = tokio::join!(
        one.engine.delete_client(&id, Deletion::FORCED),
        two.engine.update_client(&id, change)
    );
    deleted.unwrap();
    let found = database.look().await.client(&id).await.unwrap();
    assert!(found.is_none());
}

async fn what_the_server_does_at_its_start_is_its_own_doing(database: Database) {
    let config = database.folder().path().join("seeds.yaml");
    std::fs::write(
        &config,
        "resources:\n  - slug: seeded\n    uri: https://seeded.example/\n    backend_kind: mint\n",
    )
    .unwrap();
    let path = config.display().to_string();
    let es256 = [("AUTHPLANE_SIGNING_ALGORITHM", "ES256")];
    drop(Process::start(&database, &es256).await);
    let rs256 = [
        ("AUTHPLANE_SIGNING_ALGORITHM", "RS256"),
        ("AUTHPLANE_CONFIG", &path),
    ];
    let server = Process::start(&database, &rs256).await;
    let keys = server.get("/.well-known/jwks.json").await.json();
    let algorithms: Vec<_> = keys["keys"].as_array().unwrap().iter().collect();
    let algorithms: Vec<_> = algorithms.iter().map(|key| key["alg"].as_str()).collect();
    let published_before_use = [Some("ES256"), Some("RS256")];
    assert_eq!(algorithms, published_before_use, "active first");
    for action in [AuditAction::KeyRotated, AuditAction::ResourceCreated] {
        let actors = actors(&database, action).await;
        assert_eq!(actors, ["system"], "{action:?}");
    }
    drop(server);
    // At the next start there is nothing to do, and what an operator does is an operator's.
    drop(Process::start(&database, &rs256).await);
    cli(&database, &["admin", "key", "rotate", "--now", "--json"]);
    let actors = actors(&database, AuditAction::KeyRotated).await;
    assert_eq!(actors, ["admin", "system"]);
}

async fn actors(database: &Database, action: AuditAction) -> Vec<String> {
    let events = events(database, action).await.into_iter();
    events.map(|event| event.actor_id).collect()
}

/// Recorded events of this kind, newest first.
async fn events(database: &Database, action: AuditAction) -> Vec<AuditEvent> {
    let filter = AuditFilter {
        actions: vec![action],
        ..AuditFilter::default()
    };
    let store = database.look().await;
    let records = store.audit(&filter, &Page::default()).await.unwrap();
    records.into_iter().map(|record| record.event).collect()
}

async fn a_reload_is_recorded_with_what_it_found(database: Database) {
    let config = database.folder().path().join("level.yaml");
    let level = |level: &str| {
        let text = format!("observability:\n  logging:\n    level: {level}\n");
        std::fs::write(&config, text).unwrap();
    };
    level("info");
    let path = config.display().to_string();
    let server = Process::start(&database, &[("AUTHPLANE_CONFIG", &path)]).await;
    for (count, (written, said)) in [
        (
            "debug",
            "cause=sighup keys=unchanged log_level=debug admin_key=unchanged",
        ),
        (
            "loud",
            "cause=sighup keys=unchanged log_level=unreadable admin_key=unreadable",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        level(written);
        server.hang_up();
        within(crate::harness::PATIENCE, "the reload", async || {
            events(&database, AuditAction::KeyReloaded).await.len() > count
        })
        .await;
        let newest = events(&database, AuditAction::KeyReloaded).await.remove(0);
        assert_eq!(
            (newest.actor_id.as_str(), newest.detail.as_str()),
            ("system", said)
        );
    }
}

async fn a_client_id_that_an_operator_chose_is_kept(database: Database) {
    let server = Server::start(&database).await;
    let create = async |id: &str| {
        let client = NewClient {
            client_id: Some(id.to_owned()),
            name: "Chosen".into(),
            redirect_uris: vec![crate::harness::REDIRECT.into()],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::ClientCredentials],
            scope: "notes/read".into(),
            ..NewClient::default()
        };
        server.engine.create_client(client).await
    };
    // An https URL: nothing is fetched from there, the operator has said all there is to say.
    let url = "https://agents.example/planner?x=1&y=a%20b";
    let created = create(url).await.unwrap();
    let app = App {
        client_id: created.client.id.to_string(),
        secret: created.secret,
    };
    assert_eq!(app.client_id, url);
    let pairs = [
        ("grant_type", "client_credentials"),
        ("scope", "notes/read"),
    ];
    let token = server.send(&app.call("/oauth/token", &pairs)).await;
    let token = crate::harness::Tokens::of(&token).access;
    assert_eq!(crate::harness::Jwt::read(&token).claims["sub"], url);
    let mut browser = Browser::signed_in(&server).await;
    app.tokens(&mut browser).await;
    for bad in [url, "", " a", "a b", "\u{e9}", "notes", &"x.".repeat(1025)] {
        assert!(create(bad).await.is_err(), "{bad}");
    }
    // Nor may a resource take a client's id for its slug.
    let resource = engine::admin::NewResource {
        slug: server.public_app().await.client_id,
        uri: None,
        backend_kind: domain::BackendKind::Mint,
        display_name: None,
        scopes: Vec::new(),
        token_typ: domain::TokenTyp::default(),
        policy: domain::Policy::default(),
    };
    assert!(server.engine.create_resource(resource).await.is_err());
}

async fn a_resource_is_named_by_a_plain_uri(database: Database) {
    let server = Server::start(&database).await;
    for bad in [
        "https://h.example/\n",
        "https://h.example/ a",
        "https://:pw@h.example/",
        "https://user@h.example/",
        "https://h.example/#f",
        "https://h.example/\u{e9}",
        "javascript://h.example/%0aalert(1)",
        "file:///etc/passwd",
        "mcp",
    ] {
        let change = ResourceChange {
            uri: Some(bad.into()),
            ..ResourceChange::default()
        };
        let refused = server.engine.update_resource("notes", change).await;
        let refused = refused.map(drop).unwrap_err();
        assert!(refused.description.starts_with("uri:"), "{bad}: {refused}");
    }
}
