//! `admin`: who may come in to a server, and what they may do.
//!
//! Links and secrets of the administrator are made in the data folder, beside a running or a stopped
//! server. Everything else asks the running server, which applies its rules.

pub(crate) mod arguments;
mod reach;

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use shared::{
    ArmList, AuditEntry, NewPerson, NewSecret, NewServicePrincipal, Page, Person, PersonRequest,
    RoleAssignment, RoleAssignmentResource, RoleName, SecretRequest, SecretSummary,
    ServicePrincipal, ServicePrincipalRequest, SignInLink, SigningKeySummary, Subscription, paths,
};

use self::arguments::{
    AdminCommand, AuditArguments, DataArguments, GivenRoles, KeysCommand, PeopleCommand,
    PrincipalsCommand, RolesCommand, SecretsCommand, ServerArguments, SignInLinkArguments,
};
use crate::{
    arguments::TextFormat,
    client::Client,
    failure::{Exit, Failure},
    serve,
    terminal::Terminal,
};

pub(crate) fn run(command: &AdminCommand, terminal: Terminal) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = runtime.block_on(async {
        match command {
            AdminCommand::SignInLink(arguments) => sign_in_link(arguments, terminal).await,
            AdminCommand::ResetSecret(arguments) => reset_secret(arguments, terminal).await,
            AdminCommand::Principals(command) => principals(command, terminal).await,
            AdminCommand::Secrets(command) => secrets(command, terminal).await,
            AdminCommand::People(command) => people(command, terminal).await,
            AdminCommand::Roles(command) => roles(command, terminal).await,
            AdminCommand::Keys(command) => keys(command, terminal).await,
            AdminCommand::Audit(arguments) => audit(arguments).await,
        }
    })?;
    io::stdout().write_all(lines.as_bytes())?;
    Ok(())
}

async fn sign_in_link(
    arguments: &SignInLinkArguments,
    terminal: Terminal,
) -> Result<String, Failure> {
    let data = &arguments.data.data;
    let token = control::admin::sign_in_token(data, arguments.name.as_deref())
        .await
        .map_err(serve::open_failure)?;
    let endpoint = arguments
        .public_url
        .clone()
        .or_else(|| serve::last_endpoint(data))
        .unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    terminal.note("The link opens the console once, within 15 minutes:");
    Ok(format!("{}\n", serve::sign_in_link(endpoint.trim_end_matches('/'), &token)))
}

/// Answers JSON: the two members are what scripts put into their own configuration.
async fn reset_secret(arguments: &DataArguments, terminal: Terminal) -> Result<String, Failure> {
    let reset =
        control::admin::reset_secret(&arguments.data, None).await.map_err(serve::open_failure)?;
    terminal.note("The old secrets of this client have stopped working; this one is shown once:");
    let answer = serde_json::json!({
        "clientId": reset.client_id,
        "clientSecret": reset.client_secret,
    });
    Ok(format!("{answer:#}\n"))
}

async fn principals(command: &PrincipalsCommand, terminal: Terminal) -> Result<String, Failure> {
    let row = |principal: &ServicePrincipal| {
        [
            principal.id.clone(),
            principal.client_id.clone(),
            principal.display_name.clone(),
            principal.secrets.iter().map(|s| s.expires_at.as_str()).collect::<Vec<_>>().join("\n"),
            role_lines(&principal.roles),
        ]
    };
    const HEAD: [&str; 5] = ["principal", "client id", "name", "secrets until", "roles"];
    match command {
        PrincipalsCommand::List(server) => {
            let client = reach::client(server).await?;
            let list: ArmList<ServicePrincipal> = client.get(paths::SERVICE_PRINCIPALS).await?;
            client.close().await;
            answer(server, &list.value, HEAD, list.value.iter().map(row))
        }
        PrincipalsCommand::Show { id, server } => {
            let client = reach::client(server).await?;
            let found: ServicePrincipal = client.get(&paths::service_principal(id)).await?;
            client.close().await;
            answer(server, &found, HEAD, [row(&found)])
        }
        PrincipalsCommand::Add { name, roles, server } => {
            let client = reach::client(server).await?;
            let roles = given(&client, roles).await?;
            let request = ServicePrincipalRequest { display_name: name.clone(), roles };
            let made: NewServicePrincipal =
                client.post(paths::SERVICE_PRINCIPALS, &request).await?;
            client.close().await;
            terminal.note("The secret is shown once:");
            let rows = [[made.principal.client_id.clone(), made.secret.secret.clone()]];
            answer(server, &made, ["client id", "client secret"], rows)
        }
        PrincipalsCommand::Delete { id, server } => {
            delete(server, &paths::service_principal(id), "service principal", id).await
        }
    }
}

async fn secrets(command: &SecretsCommand, terminal: Terminal) -> Result<String, Failure> {
    match command {
        SecretsCommand::List { principal, server } => {
            let client = reach::client(server).await?;
            let list: ArmList<SecretSummary> = client.get(&paths::secrets(principal)).await?;
            client.close().await;
            let rows = list.value.iter().map(|secret| {
                [
                    secret.id.clone(),
                    secret.hint.clone().map(|hint| format!("{hint}…")).unwrap_or_default(),
                    secret.description.clone().unwrap_or_default(),
                    secret.expires_at.clone(),
                ]
            });
            answer(server, &list.value, ["secret", "begins", "for", "until"], rows)
        }
        SecretsCommand::Add { principal, days, description, server } => {
            let client = reach::client(server).await?;
            let now = jiff::Timestamp::now();
            let end = now + jiff::SignedDuration::from_hours(24 * i64::from(*days));
            let request = SecretRequest {
                description: description.clone(),
                expires_at: Some(end.to_string()),
            };
            let made: NewSecret = client.post(&paths::secrets(principal), &request).await?;
            client.close().await;
            terminal.note("The secret is shown once:");
            let rows = [[made.id.clone(), made.secret.clone(), made.expires_at.clone()]];
            answer(server, &made, ["secret", "client secret", "until"], rows)
        }
        SecretsCommand::Delete { principal, secret, server } => {
            delete(server, &paths::secret(principal, secret), "secret", secret).await
        }
    }
}

async fn people(command: &PeopleCommand, terminal: Terminal) -> Result<String, Failure> {
    match command {
        PeopleCommand::List(server) => {
            let client = reach::client(server).await?;
            let list: ArmList<Person> = client.get(paths::PEOPLE).await?;
            client.close().await;
            let rows = list.value.iter().map(|person| {
                [
                    person.id.clone(),
                    person.kind.to_string(),
                    person.sign_in_name.clone(),
                    person.display_name.clone(),
                    role_lines(&person.roles),
                ]
            });
            let head = ["person", "kind", "sign-in name", "name", "roles"];
            answer(server, &list.value, head, rows)
        }
        PeopleCommand::Add { sign_in_name, name, kind, roles, server } => {
            let client = reach::client(server).await?;
            let request = PersonRequest {
                kind: Some(*kind),
                display_name: name.clone().unwrap_or_else(|| sign_in_name.clone()),
                sign_in_name: sign_in_name.clone(),
                roles: given(&client, roles).await?,
            };
            let made: NewPerson = client.post(paths::PEOPLE, &request).await?;
            client.close().await;
            let link = made.sign_in_link.as_ref().map(|link| link.url.clone());
            if link.is_some() {
                terminal.note("The link opens the console once, within 15 minutes:");
            }
            let rows = [[made.person.id.clone(), link.unwrap_or_default()]];
            answer(server, &made, ["person", "sign-in link"], rows)
        }
        PeopleCommand::Link { id, server } => {
            let client = reach::client(server).await?;
            let link: SignInLink =
                client.post(&paths::person_link(id), &serde_json::json!({})).await?;
            client.close().await;
            terminal.note("The link opens the console once, within 15 minutes:");
            let rows = [[link.url.clone(), link.expires_at.clone()]];
            answer(server, &link, ["sign-in link", "until"], rows)
        }
        PeopleCommand::Delete { id, server } => {
            delete(server, &paths::person(id), "person", id).await
        }
    }
}

async fn roles(command: &RolesCommand, terminal: Terminal) -> Result<String, Failure> {
    match command {
        RolesCommand::List { scope, server } => {
            let client = reach::client(server).await?;
            let list =
                assignments(&client, &scope_or_root(&client, scope.as_deref()).await?).await?;
            client.close().await;
            let rows = list.iter().map(|assignment| {
                let properties = &assignment.properties;
                [
                    properties.role_name.to_string(),
                    properties.principal_name.clone(),
                    properties.principal_id.clone(),
                    properties.scope.clone(),
                ]
            });
            answer(server, &list, ["role", "name", "principal", "scope"], rows)
        }
        RolesCommand::Add { principal, role, scope, server } => {
            let client = reach::client(server).await?;
            let scope = scope_or_root(&client, scope.as_deref()).await?;
            let request = RoleAssignment { scope, role: *role };
            let path = format!("{}/roles", paths::service_principal(principal));
            let made: RoleAssignment = client.post(&path, &request).await?;
            client.close().await;
            terminal.note("The role holds from now on, also for tokens that are out already");
            let rows = [[made.role.to_string(), made.scope.clone()]];
            answer(server, &made, ["role", "scope"], rows)
        }
        RolesCommand::Delete { principal, role, scope, server } => {
            let client = reach::client(server).await?;
            let scope = scope_or_root(&client, scope.as_deref()).await?;
            let found = assignments(&client, &scope).await?.into_iter().find(|assignment| {
                let properties = &assignment.properties;
                properties.principal_id.eq_ignore_ascii_case(principal)
                    && properties.role_name == *role
                    && properties.scope.eq_ignore_ascii_case(scope.trim_end_matches('/'))
            });
            let Some(found) = found else {
                return Err(no_such_role(principal, *role, &scope));
            };
            client.delete(&arm(&found.id)).await?;
            client.close().await;
            answer(server, &found, ["role assignment deleted"], [[found.id.clone()]])
        }
    }
}

async fn keys(command: &KeysCommand, terminal: Terminal) -> Result<String, Failure> {
    let row = |key: &SigningKeySummary| {
        let state = match &key.verifies_until {
            None => "signs".to_owned(),
            Some(until) => format!("verifies until {until}"),
        };
        [key.id.clone(), key.created_at.clone(), state]
    };
    const HEAD: [&str; 3] = ["key", "made", "state"];
    match command {
        KeysCommand::List(server) => {
            let client = reach::client(server).await?;
            let list: ArmList<SigningKeySummary> = client.get(paths::SIGNING_KEYS).await?;
            client.close().await;
            answer(server, &list.value, HEAD, list.value.iter().map(row))
        }
        KeysCommand::Rotate(server) => {
            let client = reach::client(server).await?;
            let made: SigningKeySummary =
                client.post(paths::ROTATE_SIGNING_KEY, &serde_json::json!({})).await?;
            client.close().await;
            terminal
                .note("Access tokens are signed with a new key; older ones live out their time");
            answer(server, &made, HEAD, [row(&made)])
        }
    }
}

async fn audit(arguments: &AuditArguments) -> Result<String, Failure> {
    let client = reach::client(&arguments.server).await?;
    let mut path = format!("{}?count={}", paths::AUDIT, arguments.count);
    for (name, value) in [
        ("since", &arguments.since),
        ("until", &arguments.until),
        ("principalId", &arguments.principal),
        ("outcome", &arguments.outcome),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", paths::encode(value)));
        }
    }
    let page: Page<AuditEntry> = client.get(&path).await?;
    client.close().await;
    let rows = page.value.iter().map(|entry| {
        [
            entry.at.clone(),
            entry.principal_name.clone().unwrap_or_default(),
            entry.address.clone().unwrap_or_default(),
            entry.outcome.to_string(),
            what(entry),
        ]
    });
    let head = ["when", "who", "from", "outcome", "what"];
    answer(&arguments.server, &page.value, head, rows)
}

/// A line of the log: what was done to what, what came of it, and how often it was tried.
fn what(entry: &AuditEntry) -> String {
    let mut text = format!("{} {}", entry.method, entry.path);
    if let Some(id) = &entry.resource_id {
        text.push_str(&format!(" ({id})"));
    }
    if entry.attempts > 1 {
        text.push_str(&format!(" {} times", entry.attempts));
    }
    text
}

async fn delete(
    server: &ServerArguments,
    path: &str,
    what: &str,
    id: &str,
) -> Result<String, Failure> {
    let client = reach::client(server).await?;
    let existed = client.delete(path).await?;
    client.close().await;
    if !existed {
        return Err(Failure::new(Exit::Usage, format!("there is no {what} `{id}`")));
    }
    answer(server, &serde_json::json!({"deleted": id}), ["deleted"], [[id.to_owned()]])
}

async fn assignments(client: &Client, scope: &str) -> Result<Vec<RoleAssignmentResource>, Failure> {
    let list: ArmList<RoleAssignmentResource> =
        client.get(&arm(&paths::role_assignments(scope))).await?;
    Ok(list.value)
}

async fn given(client: &Client, roles: &GivenRoles) -> Result<Vec<RoleAssignment>, Failure> {
    if roles.role.is_empty() {
        return Ok(Vec::new());
    }
    let scope = scope_or_root(client, roles.scope.as_deref()).await?;
    Ok(roles.role.iter().map(|role| RoleAssignment { scope: scope.clone(), role: *role }).collect())
}

/// The scope that was named, else the subscription.
async fn scope_or_root(client: &Client, scope: Option<&str>) -> Result<String, Failure> {
    if let Some(scope) = scope {
        return Ok(scope.to_owned());
    }
    let list: ArmList<Subscription> = client.get(&arm(paths::SUBSCRIPTIONS)).await?;
    let mut ids = list.value.into_iter().map(|subscription| subscription.id);
    match (ids.next(), ids.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(Failure::new(Exit::Usage, "there is not exactly one subscription")
            .hint("give --scope /subscriptions/<id>, or a path below it")),
    }
}

/// ARM's paths take a version.
fn arm(path: &str) -> String {
    format!("{path}?api-version=2022-04-01")
}

fn no_such_role(principal: &str, role: RoleName, scope: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{principal}` is not {role} at `{scope}` itself"))
        .hint("`edge-scorer admin roles list` shows at which scope each role was given")
}

fn role_lines(roles: &[RoleAssignment]) -> String {
    roles.iter().map(|role| format!("{} {}", role.role, role.scope)).collect::<Vec<_>>().join("\n")
}

/// JSON for programs, a table for people.
fn answer<const N: usize>(
    server: &ServerArguments,
    value: &impl Serialize,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Result<String, Failure> {
    let usual = if io::stdout().is_terminal() { TextFormat::Text } else { TextFormat::Json };
    match server.format.unwrap_or(usual) {
        TextFormat::Json => {
            let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
            Ok(format!("{text}\n"))
        }
        TextFormat::Text => {
            let mut table = Table::new();
            table
                .load_preset(presets::NOTHING)
                .set_content_arrangement(ContentArrangement::Disabled)
                .set_header(head)
                .add_rows(rows);
            Ok(format!("{table}\n"))
        }
    }
}
