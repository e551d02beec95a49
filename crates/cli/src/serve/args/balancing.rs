//! The flags about several upstream servers that share requests: which one gets a request, and
//! which ones work.

use std::time::Duration;
use tinyhttp_server::gateway::{Balance, Check, Passive, UpstreamBuilder};

/// The flags about several upstream servers.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct BalancingArgs {
    /// How requests are distributed over the servers of a path: round-robin, least-connections,
    /// two-choices, client or cookie:NAME
    ///
    /// round-robin takes turns. least-connections prefers the server with the fewest requests under
    /// way, two-choices the less busy one of two chosen at random. With client, requests from the
    /// same address go to the same server, with cookie:NAME those with the same value of the cookie
    /// NAME; when a server fails, only its own clients move. Weights count in all of them.
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "round-robin",
        env = "TINYHTTP_PROXY_BALANCE",
        value_parser = balance
    )]
    proxy_balance: Balance,

    /// Take a server out for the time of --proxy-fail-window after N requests have failed within
    /// it; 0 for never
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        env = "TINYHTTP_PROXY_MAX_FAILS"
    )]
    proxy_max_fails: u32,

    /// Time in SECONDS within which failures count, and for which the server is taken out
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        env = "TINYHTTP_PROXY_FAIL_WINDOW",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    proxy_fail_window: u32,

    /// Give a server that is back after it failed its share of the requests little by little,
    /// within SECONDS; 0 for at once
    ///
    /// The share grows evenly. It does not with client and cookie:NAME, which keep clients at their
    /// servers, and not while all other servers have as many connections as they may.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        env = "TINYHTTP_PROXY_SLOW_START"
    )]
    proxy_slow_start: u32,

    /// Requests that wait once all servers of a path have as many connections as ;max=N allows;
    /// others get a 503
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1024,
        env = "TINYHTTP_PROXY_QUEUE"
    )]
    proxy_queue: u32,

    /// Time in SECONDS for which a request waits in the queue before it gets a 503
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        env = "TINYHTTP_PROXY_QUEUE_TIMEOUT",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    proxy_queue_timeout: u32,

    /// Ask each server of --proxy for PATH from time to time, and take it out while it responds
    /// with a status of 400 or above, or not at all
    #[arg(long, value_name = "PATH", env = "TINYHTTP_PROXY_CHECK", value_parser = path)]
    proxy_check: Option<String>,

    /// Time between two checks of a server
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5,
        env = "TINYHTTP_PROXY_CHECK_INTERVAL",
        requires = "proxy_check",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    proxy_check_interval: u32,

    /// Good checks in a row that bring a server back
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        env = "TINYHTTP_PROXY_CHECK_RISE",
        requires = "proxy_check",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    proxy_check_rise: u32,

    /// Bad checks in a row that take a server out
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        env = "TINYHTTP_PROXY_CHECK_FALL",
        requires = "proxy_check",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    proxy_check_fall: u32,
}

impl BalancingArgs {
    /// Sets what the flags say. Only servers that speak HTTP can be asked for a path.
    pub(super) fn apply(&self, upstream: UpstreamBuilder, is_http: bool) -> UpstreamBuilder {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        let upstream = upstream
            .balance(self.proxy_balance.clone())
            .slow_start(seconds(self.proxy_slow_start))
            .queue(self.proxy_queue as usize, seconds(self.proxy_queue_timeout))
            .passive_health(Passive {
                failures: self.proxy_max_fails,
                window: seconds(self.proxy_fail_window),
            });
        match &self.proxy_check {
            Some(path) if is_http => upstream.check(Check {
                interval: seconds(self.proxy_check_interval),
                rise: self.proxy_check_rise,
                fall: self.proxy_check_fall,
                ..Check::new(path)
            }),
            _ => upstream,
        }
    }
}

fn balance(text: &str) -> Result<Balance, &'static str> {
    let is_token = |name: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !name.is_empty() && name.bytes().all(is_plain)
    };
    match text {
        "round-robin" => Ok(Balance::RoundRobin),
        "least-connections" => Ok(Balance::LeastConnections),
        "two-choices" => Ok(Balance::TwoChoices),
        "client" => Ok(Balance::Client),
        _ => match text.strip_prefix("cookie:") {
            Some(name) if is_token(name) => Ok(Balance::Cookie(name.to_owned())),
            _ => Err("expected round-robin, least-connections, two-choices, client or cookie:NAME"),
        },
    }
}

fn path(text: &str) -> Result<String, &'static str> {
    let is_path = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    match is_path {
        true => Ok(text.to_owned()),
        false => Err("expected a path such as /health"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_paths() {
        assert_eq!(balance("two-choices"), Ok(Balance::TwoChoices));
        assert_eq!(balance("cookie:a_b"), Ok(Balance::Cookie("a_b".to_owned())));
        for wrong in ["", "random", "cookie", "cookie:", "cookie:a b", "Client"] {
            assert!(balance(wrong).is_err(), "{wrong}");
        }
        assert!(path("/health?deep=1").is_ok());
        assert!(path("health").is_err() && path("/a b").is_err() && path("").is_err());
    }
}
