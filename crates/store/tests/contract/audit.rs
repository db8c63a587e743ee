//! Reading the audit trail: every filter, in both orders, beside writers.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::event;
use domain::{AuditAction, AuditRecord};
use std::collections::HashSet;
use std::time::Duration;
use store::{AuditFilter, AuditOrder, Page, Store};

on_both!(
    filters_are_what_they_say,
    walking_from_page_to_page_shows_each_event_once_while_others_write,
);

const ALL: Page = Page {
    limit: 5000,
    offset: 0,
};

async fn find(store: &Store, filter: AuditFilter, page: &Page) -> Vec<AuditRecord> {
    store.audit(&filter, page).await.unwrap()
}

async fn filters_are_what_they_say(db: Database) {
    let store = db.open().await;
    let actions = [
        AuditAction::TokenIssued,
        AuditAction::UserLogin,
        AuditAction::ClientUpdated,
    ];
    for number in 0..60_usize {
        let mut own = event(actions[number % 3]);
        own.actor_id = format!("actor{}", number % 4);
        own.user_id = (number % 2 == 0).then(|| format!("user{}", number % 5));
        own.client_id = (number % 3 == 0).then(|| format!("client{}", number % 2));
        own.ip = Some(format!("10.0.0.{}", number % 6));
        own.trace_id = Some(format!("trace{number}"));
        own.detail = format!("share=100%_of!Number{number}");
        store.record(vec![own]).await.unwrap();
        db.clock.advance(Duration::from_millis(10));
    }
    let all = find(&store, AuditFilter::default(), &ALL).await;
    assert_eq!(all.len(), 60);
    let at = |millis| NOW.plus(Duration::from_millis(millis));
    let text = |text: &str| Some(text.to_owned());
    let some = AuditFilter::default;
    type Test = Box<dyn Fn(&AuditRecord) -> bool>;
    let cases: Vec<(AuditFilter, Test)> = vec![
        (
            AuditFilter {
                actions: vec![actions[1]],
                ..some()
            },
            Box::new(move |own| own.event.action == actions[1]),
        ),
        (
            AuditFilter {
                actions: vec![actions[0], actions[2]],
                ..some()
            },
            Box::new(move |own| own.event.action != actions[1]),
        ),
        (
            AuditFilter {
                actions: vec![actions[0], actions[2]],
                client_id: text("client1"),
                ..some()
            },
            Box::new(move |own| {
                own.event.action != actions[1] && own.event.client_id.as_deref() == Some("client1")
            }),
        ),
        (
            AuditFilter {
                user_id: text("user2"),
                ..some()
            },
            Box::new(|own| own.event.user_id.as_deref() == Some("user2")),
        ),
        (
            AuditFilter {
                actor_id: text("actor3"),
                ip: text("10.0.0.1"),
                ..some()
            },
            Box::new(|own| {
                own.event.actor_id == "actor3" && own.event.ip.as_deref() == Some("10.0.0.1")
            }),
        ),
        (
            AuditFilter {
                trace_id: text("trace7"),
                ..some()
            },
            Box::new(|own| own.event.trace_id.as_deref() == Some("trace7")),
        ),
        (
            AuditFilter {
                since: Some(at(100)),
                until: Some(at(300)),
                ..some()
            },
            Box::new(move |own| own.created_at >= at(100) && own.created_at < at(300)),
        ),
        (
            AuditFilter {
                text: text("100%_OF!number4"),
                ..some()
            },
            Box::new(|own| own.event.detail.contains("Number4")),
        ),
        (
            AuditFilter {
                text: text("CLIENT0"),
                ..some()
            },
            Box::new(|own| own.event.client_id.as_deref() == Some("client0")),
        ),
        (
            AuditFilter {
                text: text("share_100"),
                ..some()
            },
            Box::new(|_| false),
        ),
    ];
    for (filter, test) in cases {
        let mut expected: Vec<_> = all.iter().filter(|own| test(own)).cloned().collect();
        assert_eq!(
            find(&store, filter.clone(), &ALL).await,
            expected,
            "{filter:?}"
        );
        let page = Page {
            limit: 3,
            offset: 2,
        };
        let part: Vec<_> = expected.iter().skip(2).take(3).cloned().collect();
        assert_eq!(
            find(&store, filter.clone(), &page).await,
            part,
            "{filter:?}"
        );
        if let Some(second) = expected.get(1) {
            let behind = AuditFilter {
                behind: Some(second.id.clone()),
                ..filter.clone()
            };
            assert_eq!(
                find(&store, behind, &ALL).await,
                expected[2..],
                "{filter:?}"
            );
        }
        expected.reverse();
        let upwards = AuditFilter {
            order: AuditOrder::OldestFirst,
            ..filter
        };
        assert_eq!(find(&store, upwards, &ALL).await, expected);
    }
}

async fn walking_from_page_to_page_shows_each_event_once_while_others_write(db: Database) {
    let stores = [db.open().await, db.open().await];
    let write = async |store: &Store, count: usize| {
        for _ in 0..count {
            let both = vec![
                event(AuditAction::UserLogin),
                event(AuditAction::UserLogout),
            ];
            store.record(both).await.unwrap();
            db.clock.advance(Duration::from_millis(1));
        }
    };
    write(&stores[0], 40).await;
    let there: Vec<_> = find(&stores[0], AuditFilter::default(), &ALL).await;
    let mut seen = Vec::new();
    let mut filter = AuditFilter {
        actions: vec![AuditAction::UserLogin, AuditAction::UserLogout],
        ..AuditFilter::default()
    };
    loop {
        let page = Page {
            limit: 7,
            offset: 0,
        };
        let found = find(&stores[1], filter.clone(), &page).await;
        let Some(last) = found.last() else { break };
        filter.behind = Some(last.id.clone());
        seen.extend(found);
        write(&stores[seen.len() % 2], 3).await;
    }
    assert_eq!(seen, there);
    let once: HashSet<_> = seen.iter().map(|own| &own.id).collect();
    assert_eq!(once.len(), 80);
}
