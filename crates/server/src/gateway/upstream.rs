//! The handler that forwards requests to the servers of an upstream.

use super::balance::{Balance, hash_of};
use super::buffering::Buffering;
use super::codec::Protocol;
use super::environment::{environment, remove_addresses, script_environment, set_user};
use super::forward::{Forward, Host, Message, Plan, ResponseRules};
use super::group::Group;
use super::handover::handover;
use super::health::{Check, Passive};
use super::keeper;
use super::network::{Network, is_from};
use super::path::{Match, matches, to_send};
use super::refusal::{ambiguous, not_forwarded};
use super::request::{self, Hop};
use super::response::Renamed;
use super::sent::SentFiles;
use super::settings::Settings;
use super::target::Target;
use super::upgrade::offered;
use super::variables::Variables;
use crate::body::Content;
use crate::handler::{Handler, Receive, Reply};
use crate::interpreter::Interpreter;
use crate::request::Request;
use crate::script::Script;
#[cfg(feature = "tls")]
use crate::tls::Trust;
use http::Version;
use http::header::{HeaderName, HeaderValue};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Content of unknown length that is received for protocols that announce it.
pub(super) const SPOOLED: u64 = 16 * 1024 * 1024;

/// An upstream: one server or several alike, which respond in the place of this one.
///
/// It is a [`Handler`], so a program can route and change requests before it forwards them:
///
/// ```
/// use tinyhttp_server::gateway::Upstream;
/// use tinyhttp_server::{Handler, Reply, Request};
///
/// struct Site {
///     application: Upstream,
/// }
///
/// impl Handler for Site {
///     fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
///         match request.path() {
///             "/health" => tinyhttp_server::Response::new("fine\n").into(),
///             _ => self.application.handle(request),
///         }
///     }
/// }
///
/// let application = Upstream::builder(["http://127.0.0.1:9000".parse()?]).build();
/// let site = Site { application };
/// # let _ = site;
/// # Ok::<(), tinyhttp_server::gateway::InvalidTarget>(())
/// ```
///
/// No thread waits for an upstream server: while it computes its response, the connection is
/// parked. Connections to the servers are kept and shared by all clients.
///
/// The servers see the request without the fields of the client's connection, with
/// `X-Forwarded-For`, `X-Forwarded-Host`, `X-Forwarded-Proto`, `X-Forwarded-Port` and `Via`, and
/// with framing of its own. Fields whose names contain `_` are removed. A failed attempt is
/// repeated where RFC 9110 allows it. Responses are parsed as strictly as requests: what is
/// malformed becomes a 502.
#[derive(Clone)]
pub struct Upstream {
    group: Arc<Group>,
    options: Arc<Options>,
}

/// What is set for an [`Upstream`].
pub struct UpstreamBuilder {
    targets: Vec<Target>,
    pub(super) settings: Settings,
    pub(super) options: Options,
}

/// How requests are rewritten.
pub(super) struct Options {
    prefix: Vec<u8>,
    host: Option<Host>,
    added: Vec<(String, Vec<u8>)>,
    is_trusting: bool,
    /// The proxies whose X-Forwarded-* and Forwarded are continued.
    pub(super) trusted: Vec<Network>,
    sends_forwarded: bool,
    protocol: Protocol,
    /// `None`: content is forwarded as it comes.
    pub(super) buffering: Option<Buffering>,
    /// `None`: servers may name no files.
    pub(super) sent: Option<Arc<[SentFiles]>>,
}

impl Upstream {
    /// An upstream of these servers. Their path, if they have one, replaces the
    /// [prefix](UpstreamBuilder::prefix); that of the first server with a path counts for all.
    #[must_use]
    pub fn builder(targets: impl IntoIterator<Item = Target>) -> UpstreamBuilder {
        UpstreamBuilder {
            targets: targets.into_iter().collect(),
            settings: Settings::default(),
            options: Options {
                prefix: b"/".to_vec(),
                host: None,
                added: Vec::new(),
                is_trusting: false,
                trusted: Vec::new(),
                sends_forwarded: false,
                protocol: Protocol::Http,
                buffering: None,
                sent: None,
            },
        }
    }

    /// How the path of a request matches the prefix.
    pub(super) fn matches(&self, path: &[u8]) -> Match {
        matches(&self.options.prefix, path)
    }

    pub(super) fn prefix(&self) -> &[u8] {
        &self.options.prefix
    }

    /// The path that replaces the prefix.
    fn replacement(&self) -> Option<&str> {
        let mut servers = self.group.servers().iter();
        servers.find_map(|server| server.target.path())
    }

    /// The path and query to send. `None`: there is no path that both sides read alike.
    fn target(&self, request: &Request<'_>) -> Option<String> {
        let normal = request.normal_path().ok()?;
        let path = to_send(
            request.path(),
            normal.as_bytes(),
            normal.has_encoded_slash(),
            &self.options.prefix,
            self.replacement(),
        )?;
        Some(match request.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.into_owned(),
        })
    }

    /// Whether the client is a proxy that is trusted to say which way the request has come.
    fn trusts(&self, request: &Request<'_>) -> bool {
        let options = &self.options;
        options.is_trusting || is_from(request, &options.trusted)
    }

    /// The request as the servers get it. `None`: they might read it in another way than this one.
    fn message(
        &self,
        request: &Request<'_>,
        upgrade: Option<&[u8]>,
        script: Option<&Script>,
    ) -> Option<Message> {
        let target = self.target(request)?;
        if self.options.protocol != Protocol::Http {
            return Some(Message::Environment {
                variables: self.variables(request, script)?,
                program: None,
            });
        }
        let options = &self.options;
        let host = host_of(request);
        let host_sent = match &options.host {
            Some(Host::Fixed(host)) => Some(&host[..]),
            Some(Host::Upstream) => None,
            None => host,
        };
        let hop = Hop {
            version: request.version(),
            client: request.peer().remote.ip(),
            is_secure: request.is_secured(),
            host,
            host_sent,
            is_trusted: self.trusts(request),
            sends_forwarded: options.sends_forwarded,
            upgrade,
            expects_continue: waits_for_continue(request),
            added: &options.added,
        };
        Some(Message::Head {
            target,
            names_server: host_sent.is_none(),
            fields: request::fields(|| request.fields(), &hop).ok()?,
        })
    }

    fn variables(&self, request: &Request<'_>, script: Option<&Script>) -> Option<Variables> {
        let path = request.normal_path().ok()?;
        // Programs take them for the end of a line or a name (CVE-2019-11043).
        if path.as_bytes().iter().any(u8::is_ascii_control) {
            return None;
        }
        let mut variables = match script {
            Some(script) => script_environment(request, script),
            None => environment(request, &self.options.prefix, path.as_bytes()),
        };
        set_user(&mut variables, request);
        if !self.trusts(request) {
            remove_addresses(&mut variables);
        }
        for (name, value) in &self.options.added {
            let name = name.to_ascii_uppercase().replace('-', "_");
            let name = format!("HTTP_{name}").into_bytes();
            variables.retain(|other| other != name);
            variables.add(&name, value);
        }
        Some(variables)
    }

    /// Redirects are renamed where the prefix was replaced.
    fn renamed(&self, request: &Request<'_>) -> Option<Renamed> {
        let path = self.replacement()?;
        let servers = self.group.servers().iter();
        Some(Renamed {
            origins: servers.map(|server| server.target.origin()).collect(),
            host: host_of(request).map(<[u8]>::to_vec),
            path: path.to_owned(),
            prefix: String::from_utf8(self.options.prefix.clone()).ok()?,
        })
    }

    fn key(&self, request: &Request<'_>) -> u64 {
        let client = |request: &Request<'_>| hash_of(request.peer().remote.ip());
        match &self.group.settings.balance {
            Balance::Client => client(request),
            Balance::Cookie(name) => cookie(request, name).map_or_else(|| client(request), hash_of),
            _ => 0,
        }
    }
}

impl Handler for Upstream {
    fn handle<'a>(&'a self, request: Request<'a>) -> Reply<'a> {
        self.receive(request, None)
    }
}

/// The servers run the script: they speak FastCGI, SCGI or uwsgi.
impl Interpreter for Upstream {
    fn run<'a>(&'a self, request: Request<'a>, script: Script) -> Reply<'a> {
        self.receive(request, Some(script))
    }
}

impl Upstream {
    /// Forwards a request, once its content has been received if it has to be.
    fn receive<'a>(&'a self, request: Request<'a>, script: Option<Script>) -> Reply<'a> {
        if let Some(response) = not_forwarded(&request) {
            return response.into();
        }
        let Some(buffering) = self.buffering(&request) else {
            return self.forward(request, script.as_ref());
        };
        // What can't be forwarded need not be sent by the client.
        if self.target(&request).is_none() {
            return ambiguous().into();
        }
        let upstream = self.clone();
        let receive = Receive::new(request, buffering.limit, move |request| {
            upstream.forward(request, script.as_ref())
        });
        let receive = receive.memory(buffering.memory);
        receive.directory(buffering.directory).into()
    }

    /// How the content of a request is received before it is forwarded; `None` if it is forwarded
    /// as it comes.
    fn buffering(&self, request: &Request<'_>) -> Option<Buffering> {
        let body = request.body();
        // These announce the length in front of the content.
        let needs_length = self.options.protocol != Protocol::Http && body.length().is_none();
        match &self.options.buffering {
            Some(buffering) if body.is_unread() => Some(buffering.clone()),
            _ => needs_length.then(|| Buffering {
                limit: SPOOLED,
                memory: SPOOLED,
                ..Buffering::default()
            }),
        }
    }

    /// Prepares a request that can be forwarded.
    fn forward(&self, mut request: Request<'_>, script: Option<&Script>) -> Reply<'static> {
        let is_http = self.options.protocol == Protocol::Http;
        let upgrade = upgrade_of(&request).filter(|_| is_http);
        let Some(message) = self.message(&request, upgrade.as_deref(), script) else {
            return ambiguous().into();
        };
        Reply::Forward(Forward(Box::new(Plan {
            group: Arc::clone(&self.group),
            method: request.method().clone(),
            version: request.version(),
            protocol: self.options.protocol,
            message,
            upgrade,
            key: self.key(&request),
            response: ResponseRules {
                renamed: self.renamed(&request).map(Box::new),
                files: handover(self.options.sent.as_ref(), &request),
                ..ResponseRules::default()
            },
            tried: Default::default(),
            body: std::mem::take(request.body_mut()),
        })))
    }
}

impl UpstreamBuilder {
    /// Sets the prefix that requests have; `/` unless set. A server's path takes its place.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.options.prefix = prefix.as_bytes().to_vec();
        self
    }

    /// Sets the protocol that the servers speak; HTTP unless set. In the others, the prefix is
    /// SCRIPT_NAME, what follows it PATH_INFO, and content of unknown length is received before it
    /// is sent, up to 16 MiB.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.options.protocol = protocol;
        self
    }

    /// Sends this Host to the servers. Unless set, it is the one that the client sent.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.options.host = Some(Host::Fixed(host.as_bytes().to_vec()));
        self
    }

    /// Sends the authority of the chosen server as Host.
    #[must_use]
    pub fn host_of_upstream(mut self) -> Self {
        self.options.host = Some(Host::Upstream);
        self
    }

    /// Adds a field to requests, in the place of those that the client sent with this name.
    #[must_use]
    pub fn field(mut self, name: &HeaderName, value: &HeaderValue) -> Self {
        let field = (name.as_str().to_owned(), value.as_bytes().to_vec());
        self.options.added.push(field);
        self
    }

    /// Continues the X-Forwarded-* and Forwarded fields of clients instead of replacing them. Only
    /// for a server whose clients are all proxies.
    #[must_use]
    pub fn trust_forwarded_fields(mut self, trusts: bool) -> Self {
        self.options.is_trusting = trusts;
        self
    }

    /// Adds Forwarded (RFC 7239) to requests, beside X-Forwarded-*.
    #[must_use]
    pub fn send_forwarded(mut self, sends: bool) -> Self {
        self.options.sends_forwarded = sends;
        self
    }

    /// Sets how requests are distributed over the servers.
    #[must_use]
    pub fn balance(mut self, balance: Balance) -> Self {
        self.settings.balance = balance;
        self
    }

    /// Sets when a server is taken out because requests fail. An only server is never taken out.
    #[must_use]
    pub fn passive_health(mut self, passive: Passive) -> Self {
        self.settings.passive = passive;
        self
    }

    /// Checks the health of the servers with requests.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.settings.check = Some(check);
        self
    }

    /// Sets how long a server may take to begin its response, and to go on with it; 60 s unless
    /// set. Event streams may be silent for longer.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.response = time;
        self.settings.connect = self.settings.connect.min(time);
        self
    }

    /// Sets how long a tunnel may carry nothing, after an Upgrade; an hour unless set.
    #[must_use]
    pub fn tunnel_timeout(mut self, time: Duration) -> Self {
        self.settings.tunnel = time;
        self
    }

    /// Sets which certificates of `https://` servers are accepted; those that the system's
    /// authorities have signed for the name of the target unless set.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.settings.trust = Some(trust);
        self
    }

    /// Makes the handler. Looks up the names of the servers, which may block.
    #[must_use]
    pub fn build(mut self) -> Upstream {
        self.settings.has_processes = self.options.protocol == Protocol::FastCgi;
        let group = Arc::new(Group::new(self.targets, self.settings));
        keeper::look_after(&group);
        Upstream {
            group,
            options: Arc::new(self.options),
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets = self.group.servers().iter().map(|server| &server.target);
        f.debug_list().entries(targets).finish()
    }
}

impl fmt::Debug for UpstreamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.targets).finish()
    }
}

/// The host that the client asked for.
fn host_of<'r>(request: &'r Request<'_>) -> Option<&'r [u8]> {
    match request.authority() {
        Some(authority) => Some(authority.as_bytes()),
        None => request.field("host").filter(|host| !host.is_empty()),
    }
}

/// Whether the client waits for `100 Continue`: content that has been received is not waited for.
fn waits_for_continue(request: &Request<'_>) -> bool {
    let is_continue = |value: &[u8]| value.eq_ignore_ascii_case(b"100-continue");
    matches!(request.body().content, Content::Reader { .. })
        && request.version() == Version::HTTP_11
        && request.field_values("expect").any(is_continue)
}

/// The protocols that the client offers to switch to.
fn upgrade_of(request: &Request<'_>) -> Option<Box<[u8]>> {
    let is_alone = matches!(request.body().content, Content::Empty);
    match is_alone && request.version() == Version::HTTP_11 {
        true => offered(|| request.fields()),
        false => None,
    }
}

/// The value of a cookie.
fn cookie<'r>(request: &'r Request<'_>, name: &str) -> Option<&'r [u8]> {
    request
        .fields()
        .filter(|(field, _)| field.eq_ignore_ascii_case("cookie"))
        .flat_map(|(_, value)| value.split(|byte| *byte == b';'))
        .find_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(name.as_bytes())?;
            value.strip_prefix(b"=")
        })
}
