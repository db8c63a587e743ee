//! The whole of what was asked for, in one answer that is written while it is read.

use super::super::App;
use super::super::refusal::Answer;
use crate::views::AuditEventView;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use engine::Engine;
use engine::admin::AuditPage;
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use std::io;
use store::{AuditFilter, Page};
use tokio::sync::OwnedSemaphorePermit;

/// Rows in memory at a time.
const STEP: u32 = 500;

/// How an export is written.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180, with a line of headings.
    Csv,
}

impl Format {
    /// The first format that an `Accept` header names.
    pub fn asked_for(accept: &str) -> Option<Self> {
        accept.split(',').find_map(|range| {
            let media_type = range.split(';').next().unwrap_or_default().trim();
            match media_type.to_ascii_lowercase().as_str() {
                "application/x-ndjson" => Some(Self::Ndjson),
                "text/csv" => Some(Self::Csv),
                _ => None,
            }
        })
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }

    fn disposition(self) -> &'static str {
        match self {
            Self::Ndjson => "attachment; filename=\"audit.ndjson\"",
            Self::Csv => "attachment; filename=\"audit.csv\"",
        }
    }

    fn write(self, page: AuditPage, with_headings: bool) -> io::Result<Bytes> {
        let events = page.events.into_iter().map(AuditEventView::from);
        let mut text = Vec::new();
        match self {
            Self::Ndjson => {
                for event in events {
                    serde_json::to_writer(&mut text, &event)?;
                    text.push(b'\n');
                }
            }
            Self::Csv => {
                let mut rows = csv::WriterBuilder::new()
                    .has_headers(false)
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(&mut text);
                if with_headings {
                    rows.write_record(AuditEventView::FIELDS)?;
                }
                for event in events {
                    rows.serialize(event)?;
                }
                rows.flush()?;
            }
        }
        Ok(text.into())
    }
}

/// Where an export stands.
struct Progress {
    engine: Engine,
    filter: AuditFilter,
    left: u32,
    /// The page to be written next; `None` at the end.
    page: Option<AuditPage>,
    format: Format,
    begun: bool,
    _seat: OwnedSemaphorePermit,
}

impl Progress {
    fn next_page(&self, offset: u32) -> Page {
        Page {
            limit: self.left.min(STEP),
            offset,
        }
    }

    /// The next piece of the answer. Reading fails after the answer has begun: then it breaks
    /// off, which the client notices.
    async fn advance(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let Some(page) = self.page.take() else {
            return Ok(None);
        };
        self.left -= u32::try_from(page.events.len()).unwrap_or(self.left);
        let next = page.next.clone().filter(|_| self.left > 0);
        let text = self.format.write(page, !self.begun)?;
        self.begun = true;
        if next.is_some() {
            self.filter.behind = next;
            let page = self.next_page(0);
            let page = self.engine.audit_page(&self.filter, &page).await;
            self.page = Some(page.map_err(|error| {
                tracing::error!(error = %error.description, "an export of the audit trail broke off");
                io::Error::other(error.description)
            })?);
        }
        Ok(Some((text, self)))
    }
}

/// Answers with up to `limit` events, or all.
pub(crate) async fn export(
    app: App,
    filter: AuditFilter,
    format: Format,
    limit: Option<u32>,
    offset: u32,
) -> Answer<Response> {
    let mut progress = Progress {
        _seat: app.tails.seat()?,
        engine: app.engine,
        filter,
        left: limit.unwrap_or(u32::MAX),
        page: None,
        format,
        begun: false,
    };
    // A fault is an answer of its own as long as none has begun.
    let page = progress.next_page(offset);
    let first = progress.engine.audit_page(&progress.filter, &page).await?;
    progress.page = Some(first);
    let body = Body::from_stream(stream::try_unfold(progress, Progress::advance));
    let headers = [
        (CONTENT_TYPE, format.content_type()),
        (CONTENT_DISPOSITION, format.disposition()),
    ];
    Ok((headers, body).into_response())
}
