//! How a method of [`crate::Store`] reaches the code of whichever database is open.

use crate::{
    AssertionUse, AuditFilter, Authorize, ClientExpiry, ClientFilter, Cursor, Deletion,
    FamilyFilter, Heartbeat, IssuanceFilter, NewConsent, Page, PurgeTarget, Revoke, UserFilter,
};
use domain::{
    AuditEvent, Client, ClientId, ClientStatus, Digest, FrontingLink, Resource, Session,
    UnixMillis, User, UserId,
};

/// Asks a question on a reading connection. An answer that does not come in time counts as an
/// unreachable database.
///
/// SQLite answers where it is asked. What may touch many pages is asked `aside`, on a thread that
/// may be kept waiting; then the arguments are named, owned values. Such a question may be asked
/// `at_leisure` instead of `in_time`.
macro_rules! read {
    (aside $patience:ident $store:expr, $op:ident, $module:ident :: $function:ident ( $($argument:ident),* )) => {{
        let operation = Operation::begin($store.kind(), Access::Query, DbOp::$op);
        let answer = match &$store.0.backend {
            Backend::Sqlite(backend) => match backend.reader_aside().await {
                Ok(mut conn) => {
                    let notes = operation.notes();
                    sqlite::dialect::aside(move || {
                        let answer = sqlite::both::$module::$function(&mut conn $(, $argument.lend())*);
                        sqlite::dialect::at_once(notes.of(answer))
                    })
                    .await
                }
                Err(error) => Err(error),
            },
            Backend::Postgres(backend) => {
                read!(postgres, backend, reader_aside, operation, $patience, $module::$function($($argument.lend()),*))
            }
        };
        operation.end(&$store.0.metrics, answer)
    }};
    ($store:expr, $op:ident, $module:ident :: $function:ident ( $($argument:expr),* )) => {{
        let operation = Operation::begin($store.kind(), Access::Query, DbOp::$op);
        let answer = match &$store.0.backend {
            Backend::Sqlite(backend) => {
                read!(sqlite, backend, reader, operation, in_time, $module::$function($($argument),*))
            }
            Backend::Postgres(backend) => {
                read!(postgres, backend, reader, operation, in_time, $module::$function($($argument),*))
            }
        };
        operation.end(&$store.0.metrics, answer)
    }};
    ($database:ident, $backend:ident, $reader:ident, $operation:ident, $patience:ident, $module:ident :: $function:ident ( $($argument:expr),* )) => {
        // Apart from the caller's future, which would be as large for each of its questions, and is
        // moved about for every request.
        Box::pin(async {
            let mut conn = $backend.$reader().await?;
            let notes = $operation.notes();
            let answer = notes.of($database::both::$module::$function(&mut conn $(, $argument)*));
            match $database::dialect::$patience(answer).await {
                Some(answer) => {
                    if matches!(answer, Err(StoreError::StaleSession(_))) {
                        drop($database::dialect::Object::take(conn));
                    }
                    answer
                }
                None => {
                    drop($database::dialect::Object::take(conn));
                    Err(StoreError::Unavailable("no answer in time".into()))
                }
            }
        })
        .await
    };
}
pub(crate) use read;

/// Changes state in a lane of whichever database is open. The arguments are named, owned
/// values; the transaction may run more than once and borrows them each time.
macro_rules! write {
    ($store:expr, $op:ident, key $key:expr, $module:ident :: $function:ident ( $($argument:ident),* )) => {{
        let operation = Operation::begin($store.kind(), Access::Exec, DbOp::$op);
        let key: String = $key.to_owned();
        let arguments = Arc::new(($($argument,)*));
        let answer = match &$store.0.backend {
            Backend::Sqlite(backend) => backend.lane(&key).run(operation.notes(), move |tx| {
                let arguments = Arc::clone(&arguments);
                Box::pin(async move {
                    let ($($argument,)*) = &*arguments;
                    sqlite::both::$module::$function(tx $(, $argument.lend())*).await
                })
            }).await,
            Backend::Postgres(backend) => backend.lane(&key).run(operation.notes(), move |tx| {
                let arguments = Arc::clone(&arguments);
                Box::pin(async move {
                    let ($($argument,)*) = &*arguments;
                    postgres::both::$module::$function(tx $(, $argument.lend())*).await
                })
            }).await,
        };
        operation.end(&$store.0.metrics, answer)
    }};
}

pub(crate) use write;

/// Has a token recorded or spent, in a lane of whichever database is open.
macro_rules! spend {
    ($store:expr, $op:ident, key $key:expr, $job:ident($request:ident)) => {{
        let operation = Operation::begin($store.kind(), Access::Exec, DbOp::$op);
        let key: String = $key.to_owned();
        let answer = match &$store.0.backend {
            Backend::Sqlite(backend) => {
                let job = sqlite::both::lane::Job::$job;
                backend
                    .lane(&key)
                    .ask(operation.notes(), $request, job)
                    .await
            }
            Backend::Postgres(backend) => {
                let job = postgres::both::lane::Job::$job;
                backend
                    .lane(&key)
                    .ask(operation.notes(), $request, job)
                    .await
            }
        };
        operation.end(&$store.0.metrics, answer)
    }};
}
pub(crate) use spend;

/// How an owned argument of [`write!`], or of a question asked aside, is handed to a function that takes it by reference, or,
/// for small values, by copy.
pub(crate) trait Lend {
    type As<'a>
    where
        Self: 'a;
    fn lend(&self) -> Self::As<'_>;
}

macro_rules! lend {
    (copy: $($copy:ty),+; borrow: $($owned:ty => $borrowed:ty),+ $(,)?) => {
        $(impl Lend for $copy {
            type As<'a> = $copy;
            fn lend(&self) -> $copy { *self }
        })+
        $(impl Lend for $owned {
            type As<'a> = &'a $borrowed;
            fn lend(&self) -> &$borrowed { self }
        })+
    };
}

lend! {
    copy: UnixMillis, bool, ClientStatus, Deletion, PurgeTarget, AssertionUse, ClientExpiry;
    borrow: String => str, Vec<AuditEvent> => [AuditEvent], AuditEvent => AuditEvent, Client => Client, User => User,
    Resource => Resource, Session => Session, Digest => Digest, Authorize => Authorize,
    Revoke => Revoke, FrontingLink => FrontingLink, UserId => UserId, ClientId => ClientId,
    NewConsent => NewConsent, Heartbeat => Heartbeat, ClientFilter => ClientFilter,
    UserFilter => UserFilter, FamilyFilter => FamilyFilter, IssuanceFilter => IssuanceFilter,
    AuditFilter => AuditFilter, Page => Page,
}

impl Lend for Option<Digest> {
    type As<'a> = Option<&'a Digest>;
    fn lend(&self) -> Option<&Digest> {
        self.as_ref()
    }
}

impl Lend for Option<Cursor> {
    type As<'a> = Option<&'a Cursor>;
    fn lend(&self) -> Option<&Cursor> {
        self.as_ref()
    }
}
