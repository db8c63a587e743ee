//! What an operator does to clients, users and resources, and what it leaves behind.

use crate::harness::{App, Browser, Database, Server, USER, on_both};
use domain::{ClientStatus, UserStatus};
use engine::admin::UserChange;

on_both!(every_act_that_ends_tokens_is_counted);

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
        "delete client" => engine.delete_client(id).await.unwrap(),
        "delete user" => engine.delete_user(user).await.unwrap(),
        _ => panic!("{act}"),
    }
}
