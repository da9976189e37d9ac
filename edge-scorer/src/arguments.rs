//! The command line: what may be said, and the help that teaches it.
//!
//! Only declarations live here; each command has a file of its own, and what `serve` may be told is in
//! [`crate::options`].
//!
//! # Invariants
//! - Usage errors end with exit code 2, before anything is read or written.
//! - Every option of `serve` can also be given by environment variable and configuration file.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{admin::arguments::AdminArguments, options::ServeOptions};

const EXAMPLES: &str = "\
Examples:
  edge-scorer serve --demo                              a server with a service that answers
  edge-scorer compile model.onnx -o model.wasm          a trained model becomes a Wasm module
  edge-scorer inspect model.wasm                        what it takes, gives and does
  edge-scorer score model.wasm --input rows.csv         score a file, no server needed
  edge-scorer deploy model.onnx --name my-model         put a model on a running server
  edge-scorer admin --help                              who may come in, and what they may do

Exit codes:
  0 done                          4 bad input data
  1 internal error                5 the module breaks the contract
  2 wrong usage                   6 a limit was hit (time, memory, size)
  3 the model cannot be compiled  7 the address or data folder is in use";

/// Version and commit.
const VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("EDGE_SCORER_COMMIT"), ")");

/// Turns trained models into sandboxed WebAssembly and scores with them.
///
/// One program does everything: it compiles ONNX files, scores with the result on the command line, and
/// serves models over REST with a console in the browser.
#[derive(Debug, Parser)]
#[command(name = "edge-scorer", bin_name = "edge-scorer", version = VERSION, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) terminal: TerminalOptions,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct TerminalOptions {
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,

    /// When to colour messages. `NO_COLOR` is respected.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    pub(crate) color: ColorWhen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<ServeArguments>),
    Compile(CompileArguments),
    Inspect(InspectArguments),
    Score(ScoreArguments),
    Deploy(Box<DeployArguments>),
    Admin(AdminArguments),
    Backup(BackupArguments),
    Restore(RestoreArguments),
    /// Compiles one model under limits of its own; the server starts it.
    #[command(hide = true)]
    CompileChild {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Serve the REST APIs and the console.
///
/// The first start creates an account and an administrator, and prints a sign-in link on a terminal.
/// `--bootstrap-file` writes the administrator's credentials for scripts. Stop with Ctrl-C: requests in
/// flight finish.
#[derive(Debug, Args)]
#[command(after_help = "\
Every option can also be set by environment variable (EDGE_SCORER_LISTEN) or in the
configuration file (listen = \"…\"). Flags win over the environment, the environment over the
file, the file over defaults.

Examples:
  edge-scorer serve --demo
  edge-scorer serve --data /var/lib/edge-scorer --bootstrap-file admin.json
  edge-scorer serve --listen 0.0.0.0:8443 --tls-self-signed --allow-host scorer.local
  edge-scorer serve --config edge-scorer.toml --print-config")]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) options: ServeOptions,

    /// Read options from a TOML file.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// Print every option's value and where it came from, and stop.
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// Compile an ONNX model to a WebAssembly module.
///
/// The module is self-contained: weights, graph and kernels in one file, no interpreter. If an operator is
/// missing, every such operator is listed with its nodes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edge-scorer compile model.onnx -o model.wasm
  edge-scorer compile model.onnx -o model.wasm --profile portable     runs in browsers too
  edge-scorer compile model.onnx --check                              only say whether it would compile")]
pub(crate) struct CompileArguments {
    /// The trained model.
    #[arg(value_name = "MODEL.onnx")]
    pub(crate) model: PathBuf,

    /// Where the module goes; replaced whole or not at all.
    #[arg(long, short, value_name = "MODEL.wasm", required_unless_present = "check")]
    pub(crate) output: Option<PathBuf>,

    /// What the module may use of its host.
    #[arg(long, default_value = "relaxed")]
    pub(crate) profile: ProfileName,

    /// Only check whether the model can be compiled; writes nothing.
    #[arg(long, conflicts_with = "output")]
    pub(crate) check: bool,

    /// How `--check` answers [default: text on a terminal, else json].
    #[arg(long, requires = "check")]
    pub(crate) format: Option<TextFormat>,

    /// Most time for the compile; beyond it the exit code is 6.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    pub(crate) timeout: crate::units::TimeSpan,

    /// Most memory for the compile; beyond it the exit code is 6.
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    pub(crate) memory: crate::units::ByteSize,

    /// Says that this process is the one that compiles, under limits of its own.
    #[arg(long, hide = true)]
    pub(crate) within_limits: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ProfileName {
    /// 128-bit SIMD only; runs in any engine, browsers too
    Portable,
    /// Fused multiply-add; the fastest self-contained module
    Relaxed,
    /// Bit-identical results on every machine
    Deterministic,
    /// Large matrix products run in the host
    Linalg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Show a module's signature, plan and sizes.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// A compiled or hand-written module.
    #[arg(value_name = "MODEL.wasm")]
    pub(crate) module: PathBuf,

    /// How to answer [default: text on a terminal, else json].
    #[arg(long)]
    pub(crate) format: Option<TextFormat>,
}

/// Score rows with a module, without a server.
///
/// Rows come from a CSV file with a header, a JSON list of rows (arrays or objects), or an Open Inference
/// Protocol document, which is answered with one. Answers go to stdout, everything else to stderr.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edge-scorer score model.wasm --input rows.csv
  edge-scorer score model.wasm --input rows.json --format csv > answers.csv
  echo '[[5.1, 3.5, 1.4, 0.2]]' | edge-scorer score iris.wasm --input -
  echo '{\"inputs\":[{\"name\":\"X\",\"shape\":[1,4],\"datatype\":\"FP32\",\"data\":[5.1,3.5,1.4,0.2]}]}' \\
    | edge-scorer score iris.wasm --input -")]
pub(crate) struct ScoreArguments {
    /// A compiled or hand-written module.
    #[arg(value_name = "MODEL.wasm")]
    pub(crate) module: PathBuf,

    /// Rows to score: a CSV or JSON file, or `-` for stdin.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) input: PathBuf,

    /// How to answer [default: table on a terminal, else json].
    #[arg(long)]
    pub(crate) format: Option<AnswerFormat>,

    /// The CSV has no header row: its columns are in the model's order.
    #[arg(long)]
    pub(crate) no_header: bool,

    /// Most time for the whole input.
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub(crate) timeout: crate::units::TimeSpan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// Aligned columns, for people
    Table,
    /// One object per row, keyed by output
    Json,
    /// A header and one line per row
    Csv,
}

/// Put a model on a running server: upload, register, pack, deploy.
///
/// Prints the `curl` line that scores with it; a row too long for a line goes to NAME-example.json in
/// this folder. A service of that name is updated to the new model without losing a request. Credentials come from the server's bootstrap file, or from flags or environment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edge-scorer deploy model.onnx --name my-model --bootstrap-file admin.json
  EDGE_SCORER_CLIENT_ID=… EDGE_SCORER_CLIENT_SECRET=… \\
    edge-scorer deploy model.onnx --name my-model --server https://scorer.local:8443")]
pub(crate) struct DeployArguments {
    /// The trained model, or a Wasm module.
    #[arg(value_name = "MODEL.onnx")]
    pub(crate) model: PathBuf,

    /// Name of the service: lower-case letters, digits and `-`.
    #[arg(long)]
    pub(crate) name: String,

    /// Address of the server [default: the bootstrap file's, else http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", env = "EDGE_SCORER_SERVER")]
    pub(crate) server: Option<String>,

    /// What `serve --bootstrap-file` wrote.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_BOOTSTRAP_FILE")]
    pub(crate) bootstrap_file: Option<PathBuf>,

    /// Service principal to sign in as.
    #[arg(long, value_name = "ID", env = "EDGE_SCORER_CLIENT_ID")]
    pub(crate) client_id: Option<String>,

    /// Its secret; the environment variable keeps it out of the process list.
    #[arg(long, value_name = "SECRET", env = "EDGE_SCORER_CLIENT_SECRET", hide_env_values = true)]
    pub(crate) client_secret: Option<String>,

    /// Tenant id [default: the bootstrap file's, else `common`].
    #[arg(long, value_name = "ID", env = "EDGE_SCORER_TENANT")]
    pub(crate) tenant: Option<String>,

    /// Subscription id [default: the bootstrap file's, else the only one].
    #[arg(long, value_name = "ID", env = "EDGE_SCORER_SUBSCRIPTION")]
    pub(crate) subscription: Option<String>,

    /// Resource group [default: the bootstrap file's, else that of the only account].
    #[arg(long, value_name = "NAME", env = "EDGE_SCORER_RESOURCE_GROUP")]
    pub(crate) resource_group: Option<String>,

    /// Model management account [default: the bootstrap file's, else the only one].
    #[arg(long, value_name = "NAME", env = "EDGE_SCORER_ACCOUNT")]
    pub(crate) account: Option<String>,

    /// Trust the certificates in this PEM file, such as a self-signed one.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

/// Copy a server's data folder into one file, while it runs.
///
/// The file holds the store as of one moment, every model and image, and the build logs. The master key is not in
/// it: keep a copy of `master.key` in another place, or service keys and signing keys cannot be read again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  edge-scorer backup /backup/monday.tar --data /var/lib/edge-scorer
  edge-scorer restore /backup/monday.tar --data ./elsewhere --master-key-file /safe/master.key")]
pub(crate) struct BackupArguments {
    /// Where the copy goes; replaced whole or not at all.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The data folder of a running or stopped server.
    #[arg(long, value_name = "FOLDER", env = "EDGE_SCORER_DATA", default_value = "data")]
    pub(crate) data: PathBuf,

    /// Where the master key is, if not in the data folder; only named in the reminder.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_MASTER_KEY_FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
}

/// Make a data folder of a backup.
///
/// The folder must be empty or missing; it appears whole or not at all, and every byte is checked. A backup that a
/// newer version made is refused.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// What `backup` wrote.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The data folder to make.
    #[arg(long, value_name = "FOLDER", env = "EDGE_SCORER_DATA", default_value = "data")]
    pub(crate) data: PathBuf,

    /// The master key that belongs to it; copied into the folder.
    #[arg(long, value_name = "FILE", env = "EDGE_SCORER_MASTER_KEY_FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
}
