//! Bodies that are not what the endpoint reads: the refusal says what came and what to send.

use crate::harness::{Database, REDIRECT, Request, Server};

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "--x\r\ncontent-disposition: form-data; name=\"grant_type\"\r\n\r\n\
                         client_credentials\r\n--x--\r\n";

#[tokio::test]
async fn another_media_type_is_refused_by_name() {
    let server = Server::start(&Database::sqlite()).await;
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        for (sent, body) in [
            ("multipart/form-data; boundary=x", MULTIPART),
            (
                "application/json",
                "{\"grant_type\":\"client_credentials\"}",
            ),
            ("text/plain;charset=UTF-8", "grant_type=client_credentials"),
            ("application/xml", "<a/>"),
        ] {
            let request = Request::new("POST", path)
                .header("content-type", sent)
                .body(body);
            let reply = server.send(&request).await.refused(400, "invalid_request");
            let said = reply.json()["error_description"]
                .as_str()
                .unwrap()
                .to_owned();
            let essence = sent.split(';').next().unwrap();
            assert!(
                said.contains(essence) && said.contains(FORM),
                "{path}: {said}"
            );
        }
        for body in [MULTIPART, "{\"token\":\"a=b\"}"] {
            let request = Request::new("POST", path).body(body);
            let reply = server.send(&request).await.refused(400, "invalid_request");
            let said = reply.json()["error_description"]
                .as_str()
                .unwrap()
                .to_owned();
            assert!(
                said.contains("Content-Type") && said.contains(FORM),
                "{path}: {said}"
            );
        }
    }
    for (sent, body) in [
        (Some("multipart/form-data; boundary=x"), MULTIPART),
        (Some("text/plain"), "{\"redirect_uris\":[]}"),
        (Some(FORM), "redirect_uris=x"),
        (None, "redirect_uris=x"),
    ] {
        let request = Request::new("POST", "/oauth/register").body(body);
        let request = match sent {
            Some(sent) => request.header("content-type", sent),
            None => request,
        };
        let reply = server.send(&request).await.refused(400, "invalid_request");
        let said = reply.json()["error_description"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(said.contains("send application/json"), "{said}");
    }
}

#[tokio::test]
async fn parameters_of_the_media_type_and_its_absence_are_no_obstacle() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.confidential_app().await;
    let secret = app.secret.clone().unwrap();
    let token = crate::harness::encode(&[("token", "x")]);
    for sent in [
        Some("application/x-www-form-urlencoded;charset=UTF-8"),
        Some("Application/x-www-form-urlencoded; charset=ISO-8859-1"),
        None,
    ] {
        let request = Request::new("POST", "/oauth/revoke")
            .basic(&app.client_id, &secret)
            .body(token.as_str());
        let request = match sent {
            Some(sent) => request.header("content-type", sent),
            None => request,
        };
        server.send(&request).await.expect(200);
    }
    for sent in ["application/json; charset=utf-8", "application/JSON"] {
        let body = serde_json::json!({ "client_name": "x", "redirect_uris": [REDIRECT], "application_type": "native" });
        let request = Request::new("POST", "/oauth/register")
            .header("content-type", sent)
            .body(body.to_string());
        server.send(&request).await.expect(201);
    }
}
