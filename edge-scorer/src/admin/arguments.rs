//! What `admin` may be told, and the help that teaches it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use shared::{PrincipalKind, RoleName};

use crate::arguments::TextFormat;

const EXAMPLES: &str = "\
Without credentials these commands use the data folder: whoever may write there is the
administrator. With --bootstrap-file, or --client-id and its secret, they work from anywhere.

Examples:
  edge-scorer admin sign-in-link                              open the console as administrator
  edge-scorer admin people add ada --name \"Ada Lovelace\" --role Contributor
  edge-scorer admin principals add ci --role Contributor      a client for scripts, secret shown once
  edge-scorer admin secrets add <PRINCIPAL> --days 90         its second secret; then delete the first
  edge-scorer admin roles add <PRINCIPAL> Scorer --scope /subscriptions/…/accounts/edge-models
  edge-scorer admin keys rotate                               sign access tokens with a new key
  edge-scorer admin audit --since 2026-11-26T00:00:00Z        who changed what
  edge-scorer admin reset-secret                              lost the administrator's secret?";

/// Administer a server: who may come in, and what they may do.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AdminArguments {
    #[command(subcommand)]
    pub(crate) command: AdminCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make a link that opens the console once, within 15 minutes.
    SignInLink(SignInLinkArguments),
    /// Give the administrator a new client secret; the old ones stop working.
    ResetSecret(DataArguments),
    /// Service principals: the clients that sign in with a secret.
    #[command(subcommand)]
    Principals(PrincipalsCommand),
    /// The secrets of a service principal, two at a time.
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// People who sign in to the console, and who of an outside issuer is known.
    #[command(subcommand)]
    People(PeopleCommand),
    /// Who may do what, at a subscription, resource group, workspace or account.
    #[command(subcommand)]
    Roles(RolesCommand),
    /// The keys that sign access tokens.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Who changed what, newest first.
    Audit(AuditArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DataArguments {
    /// The data folder of a running or stopped server.
    #[arg(long, value_name = "FOLDER", env = "EDGE_SCORER_DATA", default_value = "data")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SignInLinkArguments {
    #[command(flatten)]
    pub(crate) data: DataArguments,

    /// Whose link: a person's sign-in name [default: the administrator].
    #[arg(long, value_name = "SIGN-IN-NAME")]
    pub(crate) name: Option<String>,

    /// Base of the link [default: where the server was last reached].
    #[arg(long, value_name = "URL", env = "EDGE_SCORER_PUBLIC_URL")]
    pub(crate) public_url: Option<String>,
}

/// Which server, and as whom.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// The data folder of the running server, for whoever may write there.
    #[arg(
        long,
        value_name = "FOLDER",
        env = "EDGE_SCORER_DATA",
        default_value = "data",
        help_heading = "Server"
    )]
    pub(crate) data: PathBuf,

    /// Address of the server [default: the bootstrap file's, else the data folder's].
    #[arg(long, value_name = "URL", env = "EDGE_SCORER_SERVER", help_heading = "Server")]
    pub(crate) server: Option<String>,

    /// Sign in with what `serve --bootstrap-file` wrote.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_BOOTSTRAP_FILE", help_heading = "Server")]
    pub(crate) bootstrap_file: Option<PathBuf>,

    /// Sign in as this service principal, an Owner.
    #[arg(
        long,
        value_name = "ID",
        env = "EDGE_SCORER_CLIENT_ID",
        requires = "client_secret",
        help_heading = "Server"
    )]
    pub(crate) client_id: Option<String>,

    /// Its secret; the environment variable keeps it out of the process list.
    #[arg(
        long,
        value_name = "SECRET",
        env = "EDGE_SCORER_CLIENT_SECRET",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) client_secret: Option<String>,

    /// Trust the certificates in this PEM file, such as a self-signed one.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_CA_FILE", help_heading = "Server")]
    pub(crate) ca_file: Option<PathBuf>,

    /// How to answer [default: text on a terminal, else json].
    #[arg(long, help_heading = "Output")]
    pub(crate) format: Option<TextFormat>,
}

/// Roles to give from the start.
#[derive(Debug, Args)]
pub(crate) struct GivenRoles {
    /// A role to give: Owner, Contributor, Reader or Scorer; may be repeated.
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Vec<RoleName>,

    /// Where the roles hold, and below: an ARM path [default: the subscription].
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PrincipalsCommand {
    /// List them with their secrets and roles.
    List(ServerArguments),
    /// Show one.
    Show {
        /// Its id.
        #[arg(value_name = "PRINCIPAL")]
        id: String,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Make one; its secret is shown once.
    Add {
        /// For people.
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        roles: GivenRoles,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Delete one with its secrets, roles and sessions.
    Delete {
        /// Its id.
        #[arg(value_name = "PRINCIPAL")]
        id: String,
        #[command(flatten)]
        server: ServerArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// List what can still be told of them: hint and end.
    List {
        /// The service principal's id.
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Add one, shown once; there may be two at a time.
    Add {
        /// The service principal's id.
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
        /// Days until it ends, 730 at most.
        #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=730))]
        days: u32,
        /// What it is for.
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Delete one; it stops working at once.
    Delete {
        /// The service principal's id.
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
        /// The secret's id.
        #[arg(value_name = "SECRET")]
        secret: String,
        #[command(flatten)]
        server: ServerArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// List them with their roles.
    List(ServerArguments),
    /// Make somebody known; a person gets a sign-in link, shown once.
    Add {
        /// What a person types to sign in; the subject or group of an outside issuer.
        #[arg(value_name = "SIGN-IN-NAME")]
        sign_in_name: String,
        /// For people [default: the sign-in name].
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Person, OutsidePerson or OutsideGroup.
        #[arg(long, default_value = "Person")]
        kind: PrincipalKind,
        #[command(flatten)]
        roles: GivenRoles,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Make a new sign-in link, as after a forgotten password.
    Link {
        /// The person's id.
        #[arg(value_name = "PERSON")]
        id: String,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Delete somebody with roles and sessions.
    Delete {
        /// The person's id.
        #[arg(value_name = "PERSON")]
        id: String,
        #[command(flatten)]
        server: ServerArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RolesCommand {
    /// List the role assignments at a scope, above it and below it.
    List {
        /// An ARM path [default: the subscription].
        #[arg(long, value_name = "SCOPE")]
        scope: Option<String>,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Give a role; it holds at once.
    Add {
        /// The id of a service principal, person or group.
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
        /// Owner, Contributor, Reader or Scorer.
        #[arg(value_name = "ROLE")]
        role: RoleName,
        /// An ARM path [default: the subscription].
        #[arg(long, value_name = "SCOPE")]
        scope: Option<String>,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Take a role away; the last Owner of the subscription stays.
    Delete {
        /// The id of a service principal, person or group.
        #[arg(value_name = "PRINCIPAL")]
        principal: String,
        /// Owner, Contributor, Reader or Scorer.
        #[arg(value_name = "ROLE")]
        role: RoleName,
        /// An ARM path [default: the subscription].
        #[arg(long, value_name = "SCOPE")]
        scope: Option<String>,
        #[command(flatten)]
        server: ServerArguments,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys that sign or still verify.
    List(ServerArguments),
    /// Sign with a new key from now on; tokens of the old one live out their time.
    Rotate(ServerArguments),
}

#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// Not before this moment (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Not after this moment (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,

    /// Of one principal, by id.
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) principal: Option<String>,

    /// Succeeded, Denied or Failed.
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<String>,

    /// Most rows.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) count: u32,

    #[command(flatten)]
    pub(crate) server: ServerArguments,
}
