//! `observability`: metrics, logs and traces.

use crate::schema::{Rule, choice, section};
use crate::value::CollectorAddress;

choice! {
    /// How metrics leave the process.
    pub enum MetricsProvider {
        /// Scraped from the admin listener.
        Prometheus = "prometheus",
        /// Pushed to a collector.
        Otel = "otel",
        /// Both.
        Both = "both",
        /// Not at all.
        None = "none",
    }
}

choice! {
    /// The least severe lines that are logged.
    pub enum LogLevel {
        /// Everything.
        Debug = "debug",
        /// What happens.
        Info = "info",
        /// What may need attention.
        Warn = "warn",
        /// What failed.
        Error = "error",
    }
}

choice! {
    /// The form of log lines.
    pub enum LogFormat {
        /// One JSON object a line.
        Json = "json",
        /// `key=value` pairs, for people.
        Text = "text",
        /// Text when standard output is a terminal, JSON otherwise.
        Auto = "auto",
    }
}

const METRICS_PATH: Rule<String> = Rule {
    allowed: "a path such as /metrics: letters, digits and -._~ between slashes, not below /admin",
    holds: |path| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        path.strip_prefix('/').is_some_and(|rest| {
            let mut segments = rest.split('/');
            !rest.starts_with("admin/")
                && rest != "admin"
                && segments.all(|s| !s.is_empty() && s.chars().all(plain) && s != "." && s != "..")
        })
    },
};

section! {
    /// Metrics, logs and traces.
    pub struct Observability at "observability." {
        sections {
            /// Metrics.
            metrics: Metrics;
            /// Logs.
            logging: Logging;
            /// Traces.
            tracing: Tracing;
        }
    }
}

section! {
    /// Metrics, served on the admin listener or pushed to a collector.
    pub struct Metrics at "observability.metrics." {
        /// How metrics leave the process; `none` turns them off.
        provider: MetricsProvider = "prometheus", "AUTHPLANE_METRICS_PROVIDER";
        /// Path of the metrics on the admin listener.
        path: String = "/metrics", "AUTHPLANE_METRICS_PATH", METRICS_PATH;
        /// Ask for the admin API key (as password of HTTP Basic with any user name, or as bearer).
        require_auth: bool = "false", "AUTHPLANE_METRICS_REQUIRE_AUTH";
        /// The collector to push to (OTLP over gRPC), for the providers `otel` and `both`.
        otel_endpoint: Option<CollectorAddress>, "AUTHPLANE_METRICS_OTEL_ENDPOINT";
        /// Talk to the collector without TLS.
        insecure: bool = "false", "AUTHPLANE_METRICS_INSECURE";
    }
}

section! {
    /// Logs, one line per event.
    pub struct Logging at "observability.logging." {
        /// The least severe lines that are logged.
        level: LogLevel = "info", "AUTHPLANE_LOG_LEVEL";
        /// Form of the lines; `auto` is text when standard output is a terminal and JSON otherwise.
        format: LogFormat = "auto", "AUTHPLANE_LOG_FORMAT";
        /// Add the file and line of the code that logged (`source`).
        add_source: bool = "false", "AUTHPLANE_LOG_ADD_SOURCE";

        sections {
            /// Where lines go.
            outputs: LogOutputs;
        }
    }
}

const SHARE: Rule<f64> = Rule {
    allowed: "a number from 0.0 to 1.0",
    holds: |share| (0.0..=1.0).contains(share),
};

section! {
    /// Traces, pushed to a collector.
    pub struct Tracing at "observability.tracing." {
        /// Record and push traces.
        enabled: bool = "false", "AUTHPLANE_TRACING_ENABLED";
        /// The collector to push to (OTLP over gRPC).
        endpoint: Option<CollectorAddress>, "AUTHPLANE_TRACING_ENDPOINT";
        /// Talk to the collector without TLS.
        insecure: bool = "false", "AUTHPLANE_TRACING_INSECURE";
        /// Share of the traces begun here that are recorded. A caller that sends `traceparent`
        /// decides for itself.
        sample_rate: f64 = "1.0", "AUTHPLANE_TRACING_SAMPLE_RATE", SHARE;
    }
}

section! {
    /// Where log lines go.
    pub struct LogOutputs at "observability.logging.outputs." {
        /// Write them to standard output.
        stdout: bool = "true", "AUTHPLANE_LOG_STDOUT";
        /// Push them to a collector.
        otel: bool = "false", "AUTHPLANE_LOG_OTEL";
        /// That collector (OTLP over gRPC).
        otel_endpoint: Option<CollectorAddress>, "AUTHPLANE_LOG_OTEL_ENDPOINT";
        /// Talk to the collector without TLS.
        insecure: bool = "false", "AUTHPLANE_LOG_OTEL_INSECURE";
    }
}
