//! How a row of the log names what was done, and where.

/// What precedes the route of everything in an account.
pub(crate) const ACCOUNT: &str =
    "/api/subscriptions/{subscription}/resourceGroups/{group}/accounts/{account}";

/// Method and kind of thing: the long prefix of an account's routes is shortened.
pub(super) fn operation(method: &str, route: &str) -> String {
    match route.strip_prefix(ACCOUNT) {
        Some(rest) => format!("{method} {{account}}{rest}"),
        None => format!("{method} {route}"),
    }
}

/// The ARM scope that a path lies in: subscription, resource group, workspace or account.
pub(super) fn scope_of(path: &str) -> Option<String> {
    let all: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (arm, segments) = match all.as_slice() {
        ["api", "subscriptions", ..] => (false, &all[1..]),
        ["subscriptions", ..] => (true, &all[..]),
        _ => return None,
    };
    match segments {
        [_, subscription, _, group, kind, name, ..]
            if !arm && kind.eq_ignore_ascii_case("accounts") =>
        {
            Some(shared::paths::account_arm_id(subscription, group, name))
        }
        [_, subscription, groups, group, _, namespace, kind, name, ..]
            if groups.eq_ignore_ascii_case("resourceGroups")
                && ["accounts", "workspaces"].iter().any(|k| kind.eq_ignore_ascii_case(k)) =>
        {
            Some(format!(
                "/subscriptions/{subscription}/resourceGroups/{group}/providers/{namespace}/{kind}/{name}"
            ))
        }
        [_, subscription, groups, group, ..] if groups.eq_ignore_ascii_case("resourceGroups") => {
            Some(format!("/subscriptions/{subscription}/resourceGroups/{group}"))
        }
        [_, subscription, ..] if !subscription.is_empty() => {
            Some(format!("/subscriptions/{subscription}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_lies_in_the_narrowest_scope_that_roles_know() {
        for (path, scope) in [
            (
                "/api/subscriptions/s/resourceGroups/g/accounts/a/models/m",
                Some(
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningModelManagement/accounts/a",
                ),
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/computes/c",
                Some(
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w",
                ),
            ),
            (
                "/subscriptions/s/resourcegroups/g/providers/Microsoft.Authorization/roleAssignments/r",
                Some("/subscriptions/s/resourceGroups/g"),
            ),
            ("/subscriptions/s", Some("/subscriptions/s")),
            ("/api/servicePrincipals/x", None),
            ("/subscriptions", None),
        ] {
            assert_eq!(scope_of(path).as_deref(), scope, "{path}");
        }
    }

    #[test]
    fn an_operation_names_method_and_kind() {
        let route = "/api/subscriptions/{subscription}/resourceGroups/{group}/accounts/{account}/services/{id}";
        assert_eq!(operation("DELETE", route), "DELETE {account}/services/{id}");
        assert_eq!(operation("POST", "/api/session"), "POST /api/session");
    }
}
