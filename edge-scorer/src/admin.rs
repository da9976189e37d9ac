//! `admin`: what an operator does to a data folder from the shell, beside a running or a stopped server.

use std::io::{self, Write as _};

use crate::{
    arguments::{AdminArguments, AdminCommand},
    failure::Failure,
    serve,
    terminal::Terminal,
};

pub(crate) fn run(command: &AdminCommand, terminal: Terminal) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = runtime.block_on(async {
        match command {
            AdminCommand::SignInLink(arguments) => sign_in_link(arguments, terminal).await,
            AdminCommand::ResetSecret(arguments) => reset_secret(arguments, terminal).await,
        }
    })?;
    io::stdout().write_all(lines.as_bytes())?;
    Ok(())
}

async fn sign_in_link(arguments: &AdminArguments, terminal: Terminal) -> Result<String, Failure> {
    let token =
        control::admin::sign_in_token(&arguments.data).await.map_err(serve::open_failure)?;
    let endpoint = arguments
        .public_url
        .clone()
        .or_else(|| serve::last_endpoint(&arguments.data))
        .unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    terminal.note("The link opens the console once, within 15 minutes:");
    Ok(format!("{}\n", serve::sign_in_link(endpoint.trim_end_matches('/'), &token)))
}

/// Answers JSON: the two members are what scripts put into their own configuration.
async fn reset_secret(arguments: &AdminArguments, terminal: Terminal) -> Result<String, Failure> {
    let reset =
        control::admin::reset_secret(&arguments.data, None).await.map_err(serve::open_failure)?;
    terminal.note("The old secrets of this client have stopped working; this one is shown once:");
    let answer = serde_json::json!({
        "clientId": reset.client_id,
        "clientSecret": reset.client_secret,
    });
    Ok(format!("{answer:#}\n"))
}
