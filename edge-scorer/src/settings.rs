//! What `serve` may be told, and which source wins.
//!
//! [`ServeOptions`] is read three times: from the flags and environment (clap), from the configuration file
//! (TOML, the same names) and from [`DEFAULTS`]. The three become tables that are laid over one another, flags on
//! top, and the result is read into [`Settings`]. Each value's [`Origin`] is kept for `--print-config`.
//!
//! # Invariants
//! - A name means the same in every source; an unknown name in the file is refused with the known ones.
//! - What `--print-config` prints can be saved and given back as the configuration file.
//! - Passwords inside addresses are never printed.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Args as _, parser::ValueSource};

use crate::{
    failure::{Exit, Failure},
    options::{DEFAULTS, ServeOptions, Settings},
};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Flag,
    Environment,
    File(PathBuf),
    Default,
}

/// The effective value of every option that has one, by name.
#[derive(Debug)]
pub(crate) struct Resolved {
    values: Vec<(String, toml::Value, Origin)>,
}

impl Resolved {
    /// Lays the sources over one another. `matches` are those of the subcommand `serve`.
    pub(crate) fn new(
        options: &ServeOptions,
        matches: &ArgMatches,
        config: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut values = Vec::new();
        layer(&mut values, parse_file(DEFAULTS, "the defaults")?, |_| Origin::Default);
        if let Some(path) = config {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::new(Exit::Usage, format!("cannot read `{}`", path.display()))
                    .because(error)
            })?;
            let table = parse_file(&text, &path.display().to_string())?;
            layer(&mut values, table, |_| Origin::File(path.to_owned()));
        }
        layer(&mut values, table_of(options)?, |name| {
            match matches.value_source(&name.replace('-', "_")) {
                Some(ValueSource::EnvVariable) => Origin::Environment,
                _ => Origin::Flag,
            }
        });
        Ok(Self { values })
    }

    /// The checked result.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let table: toml::Table =
            self.values.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect();
        let settings: Settings = table.try_into().map_err(|error: toml::de::Error| {
            Failure::new(Exit::Internal, "the options do not fit together").because(error)
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// A configuration file that says the same, each line with where its value came from.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        for name in option_names() {
            let Some((_, value, origin)) = self.values.iter().find(|(known, ..)| *known == name)
            else {
                let _ = writeln!(text, "# {name} is not set");
                continue;
            };
            let origin = match origin {
                Origin::Flag => format!("flag --{name}"),
                Origin::Environment => format!("environment {}", environment_name(&name)),
                Origin::File(path) => format!("file {}", path.display()),
                Origin::Default => "default".to_owned(),
            };
            let _ = writeln!(text, "{:<44} # {origin}", format!("{name} = {}", masked(value)));
        }
        text
    }
}

/// Every option's name, in the order of the help.
fn option_names() -> Vec<String> {
    let command = ServeOptions::augment_args(clap::Command::new("serve"));
    command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect()
}

fn environment_name(option: &str) -> String {
    format!("EDGE_SCORER_{}", option.to_uppercase().replace('-', "_"))
}

fn layer(
    values: &mut Vec<(String, toml::Value, Origin)>,
    table: toml::Table,
    origin: impl Fn(&str) -> Origin,
) {
    for (name, value) in table {
        values.retain(|(known, ..)| *known != name);
        let origin = origin(&name);
        values.push((name, value, origin));
    }
}

fn parse_file(text: &str, source: &str) -> Result<toml::Table, Failure> {
    let options: ServeOptions = toml::from_str(text).map_err(|error| {
        Failure::new(Exit::Usage, format!("`{source}` is not a configuration file")).because(error)
    })?;
    table_of(&options)
}

fn table_of(options: &ServeOptions) -> Result<toml::Table, Failure> {
    toml::Table::try_from(options).map_err(|error| {
        Failure::new(Exit::Internal, "the options cannot be written down").because(error)
    })
}

/// The value as TOML, the user information of an address replaced.
fn masked(value: &toml::Value) -> String {
    let toml::Value::String(text) = value else { return value.to_string() };
    let hidden = text.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split(['/', '?', '#']).next()?;
        let (_, host) = authority.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}{}", &rest[authority.len()..]))
    });
    toml::Value::String(hidden.unwrap_or_else(|| text.clone())).to_string()
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches as _};

    use super::*;

    fn resolve(flags: &[&str], file: Option<&str>) -> Result<Resolved, Failure> {
        let command = ServeOptions::augment_args(Command::new("serve").no_binary_name(true));
        let matches = command.try_get_matches_from(flags).unwrap();
        let options = ServeOptions::from_arg_matches(&matches).unwrap();
        let folder = std::env::temp_dir().join(format!("settings-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{:?}.toml", std::thread::current().id()));
        if let Some(text) = file {
            std::fs::write(&path, text).unwrap();
        }
        Resolved::new(&options, &matches, file.map(|_| path.as_path()))
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let resolved = resolve(
            &["--listen", "127.0.0.1:1"],
            Some("listen = \"127.0.0.1:2\"\nscore-timeout = 5"),
        )
        .unwrap();

        let settings = resolved.settings().unwrap();

        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.score_timeout.to_string(), "5s");
        assert_eq!(settings.data, Path::new("data"));
    }

    #[test]
    fn the_printed_configuration_reads_back_to_the_same_values() {
        let given =
            resolve(&["--demo", "--allow-host", "a,b", "--score-timeout", "90s"], None).unwrap();

        let again = resolve(&[], Some(&given.print())).unwrap();

        let (given, again) = (given.settings().unwrap(), again.settings().unwrap());
        assert_eq!(format!("{given:?}"), format!("{again:?}"));
        assert!(given.demo && given.allow_host == ["a", "b"]);
    }

    #[test]
    fn the_printed_configuration_says_where_each_value_came_from() {
        let resolved = resolve(&["--demo"], Some("log = \"debug\"")).unwrap();

        let text = resolved.print();

        let line =
            |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("demo =").ends_with("# flag --demo"));
        assert!(line("log =").contains("# file "));
        assert!(line("listen =").ends_with("# default"));
        assert_eq!(line("# bootstrap-file"), "# bootstrap-file is not set");
    }

    #[test]
    fn an_unknown_name_in_the_file_is_refused_with_the_known_ones() {
        let failure = resolve(&[], Some("lisen = \"127.0.0.1:2\"")).unwrap_err();

        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.causes().concat().contains("listen"), "{:?}", failure.causes());
    }

    #[test]
    fn half_a_key_pair_is_refused() {
        let failure = resolve(&["--tls-cert", "c.pem"], None).unwrap().settings().unwrap_err();

        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn a_password_inside_an_address_is_not_printed() {
        let address = toml::Value::String("https://admin:hunter2@host:1/x".into());

        assert_eq!(masked(&address), "\"https://***@host:1/x\"");
    }

    #[test]
    fn the_help_names_every_default() {
        let command = ServeOptions::augment_args(Command::new("serve"));
        let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap();
        for (name, value) in defaults {
            let argument = command.get_arguments().find(|arg| arg.get_long() == Some(&name));
            let help = argument.unwrap().get_help().unwrap().to_string();
            let shown = value.to_string().replace('"', "");
            assert!(
                value.is_array() || help.contains(&format!("[default: {shown}]")),
                "{name}: {help}"
            );
        }
    }

    #[test]
    fn every_option_has_the_environment_variable_of_its_name() {
        let command = ServeOptions::augment_args(Command::new("serve"));
        for argument in command.get_arguments() {
            let name = argument.get_long().unwrap();
            assert_eq!(argument.get_env().unwrap().to_str().unwrap(), environment_name(name));
        }
    }
}
