//! English: the example by which the type of every language's words is declared. One long table, so
//! that a translator reads one file.

use std::str::Split;

use super::SEPARATOR;

/// Out of line, since it is called once for every word.
#[inline(never)]
fn take(place: &mut &'static str, texts: &mut Split<'static, char>) {
    *place = texts.next().unwrap_or_default();
}

/// Declares [`Words`] and the English table at once, so that neither can lack a word.
macro_rules! words {
    ($($name:ident: $english:literal,)+) => {
        /// Every word of the console in one language.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct Words { $(pub(crate) $name: &'static str),+ }

        pub(super) const ENGLISH: Words = Words { $($name: $english),+ };

        impl Words {
            /// How many words there are.
            pub(super) const COUNT: usize = [$(stringify!($name)),+].len();

            /// Every text, in order.
            pub(super) const fn texts(&self) -> [&'static str; Self::COUNT] {
                [$(self.$name),+]
            }

            /// The words of a language out of its joined texts.
            pub(super) fn of(joined: &'static str) -> Self {
                let mut words = Self { $($name: ""),+ };
                let mut texts = joined.split(SEPARATOR);
                $(take(&mut words.$name, &mut texts);)+
                words
            }

            /// Every key with its text, in order.
            #[cfg(test)]
            pub(super) fn entries(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}

words! {
    // The frame.
    product: "Edge Scorer",
    navigation: "Main",
    menu: "Menu",
    skip_to_content: "Skip to content",
    breadcrumbs: "Breadcrumbs",
    account: "Account",
    session: "Session",
    sign_out: "Sign out",
    sign_out_failed: "You are still signed in: {why}",
    theme_system: "System theme",
    theme_light: "Light theme",
    theme_dark: "Dark theme",
    overview: "Overview",
    models: "Models",
    images: "Images",
    services: "Services",
    operations: "Operations",

    // Words of many pages.
    loading: "Loading…",
    retry: "Try again",
    cancel: "Cancel",
    copy: "Copy",
    copied: "Copied",
    copy_refused: "The browser did not let us copy",
    show: "Show",
    hide: "Hide",
    hidden: "hidden",
    dismiss: "Dismiss",
    delete: "Delete",
    save: "Save",
    send: "Send",
    done: "done",
    see_all: "See all",
    actions: "Actions",
    details: "Details",
    name: "Name",
    id: "ID",
    description: "Description",
    tags: "Tags",
    size: "Size",
    state: "State",
    version: "Version",
    versions: "Versions",
    created: "Created",
    updated: "Updated",
    started: "Started",
    ended: "Ended",
    registered: "Registered",
    settings: "Settings",
    summary: "Summary",
    nothing_found: "Nothing matches",
    nothing_found_hint: "Try a shorter word, or clear the search.",

    // States.
    state_not_started: "Waiting",
    state_running: "Running",
    state_cancelled: "Cancelled",
    state_succeeded: "Succeeded",
    state_failed: "Failed",
    serving: "Serving",
    served: "Replaced",
    image_ready: "Ready",

    // Failures.
    failed_offline: "The server cannot be reached",
    failed_unreadable: "The server's answer could not be read",
    failed_signed_out: "You are signed out",
    failed_forbidden: "Your role does not allow this",
    failed_missing: "It does not exist, or not any more",
    failed_conflict: "Something else stands in the way",
    failed_rejected: "This was not accepted",
    failed_later: "The server is busy; try again in a moment",
    failed_server: "The server failed; this is not your mistake",
    failed_ended: "It did not succeed",
    failed_request: "Request {id}",

    // Nowhere.
    not_found_title: "There is no such page",
    not_found_hint: "The address may be mistyped, or belong to an account you cannot see.",
    no_account_title: "No account is open to you",
    no_account_hint: "Ask an owner for a role on a model management account.",

    // Sign-in.
    sign_in: "Sign in",
    sign_in_lead: "As a person with a password, or as a service principal with a secret.",
    client_id: "Client ID",
    client_secret: "Client secret",
    sign_in_help: "No secret at hand? On the server, this prints a link that signs you in once:",
    link_used: "This sign-in link is used up or too old. Make another one, or sign in below.",
    secret_wrong: "The name or its secret is wrong.",

    // Overview.
    attention: "Need attention",
    recent_operations: "Recent operations",
    first_steps: "First steps",
    step_upload: "Upload a model",
    step_upload_hint: "Any ONNX file, or a WebAssembly module of your own.",
    step_deploy: "Deploy it",
    step_deploy_hint: "It is compiled to WebAssembly, packed and served.",
    step_try: "Try it",
    step_try_hint: "Send a row from the page and copy the command that does the same.",

    // Models.
    model: "Model",
    upload_model: "Upload model",
    new_version: "Upload new version",
    search_models: "Search models",
    models_empty: "No models yet",
    models_empty_hint: "Upload an ONNX file to register your first model.",
    media_type: "Media type",
    model_deleted: "Model deleted",
    delete_model_title: "Delete this version of the model?",
    delete_model_hint: "Other versions stay. A version that a manifest uses cannot be deleted.",
    not_deleted: "Not deleted: {why}",

    // Registering.
    about: "About the model",
    drop_label: "Drop a file here, or choose one",
    drop_hint: "ONNX or WebAssembly, or a zip or tar.gz with exactly one of them",
    model_name_hint: "A name that exists already gets its next version.",
    tags_hint: "Separated by commas",
    register: "Upload and register",
    back_to_models: "Back to models",
    uploading: "Uploading {sent} of {size}",
    upload_cancelled: "Upload cancelled; nothing was kept",
    model_registered: "{name} is registered as version {version}",

    // Signatures.
    signature: "Signature",
    inputs: "Inputs",
    outputs: "Outputs",
    element_type: "Type",
    shape: "Shape",
    meaning: "Meaning",
    classes: "Classes: {labels}",
    columns_of: "{count} columns of {name}",
    unsupported_title: "{count} operators cannot be compiled yet",
    unsupported_hint: "The model is registered, but it cannot be deployed as it is.",
    unsupported_operators: "Unsupported operators",
    operator: "Operator",
    nodes: "Nodes",
    what_helps: "What helps",
    no_hint: "No workaround is known",
    unread_title: "The model's bytes have not been read yet",
    unread_hint: "Models behind a URL are fetched when an image is built from them.",

    // Images.
    image: "Image",
    search_images: "Search images",
    images_empty: "No images yet",
    images_empty_hint: "An image is a model compiled and packed. Deploying a model makes one.",
    build_log: "Build log",
    module_size: "Module size",
    module_hash: "Module SHA-256",
    oci_location: "OCI location",
    oci_layout: "OCI layout",
    downloads: "Downloads",
    image_deleted: "Image deleted",
    delete_image_title: "Delete this version of the image?",
    delete_image_hint: "Its module and layout go with it. An image that a service uses cannot be deleted.",

    // Services.
    service: "Service",
    search_services: "Search services",
    services_empty: "No services yet",
    services_empty_hint: "Deploy a model and it answers over HTTP within seconds.",
    serves: "Serves",
    replicas: "Replicas",
    try_it: "Try it",
    parts_of_service: "Parts of the service",
    address: "Address",
    scoring_uri: "Scoring URI",
    description_uri: "API description",
    stopped_hint: "Stopped: every call is refused until there are replicas again.",
    service_deleted: "Service deleted",
    delete_service_title: "Delete {name}?",
    delete_service_hint: "Its address stops answering at once and its keys die. Images and models stay.",

    // Deployments.
    deployments: "Deployments",
    deployments_empty: "No deployments yet",
    deployments_empty_hint: "Each image this service serves will be listed here.",
    roll_back: "Roll back",
    roll_back_title: "Roll back to this image?",
    roll_back_hint: "The current deployment serves until the earlier image is ready, so no call is lost.",
    rolled_back: "Rolled back",
    not_rolled_back: "Not rolled back: {why}",

    // Keys.
    keys: "Keys",
    keys_hint: "Either key opens the service. Replace one while callers use the other.",
    keys_forbidden: "Your role may not read keys",
    keys_forbidden_hint: "Contributors and owners of the account may.",
    primary_key: "Primary key",
    secondary_key: "Secondary key",
    regenerate: "Regenerate",
    regenerate_title: "Regenerate the {key}?",
    regenerate_hint: "The old key stops working at once. Callers that still use it are refused.",
    key_regenerated: "{key} replaced",
    key_not_regenerated: "The key was not replaced: {why}",

    // Settings.
    autoscale: "Scale with the load",
    autoscale_hint: "Replicas follow the calls between two bounds.",
    replicas_hint: "Calls that run at the same time. 0 stops the service.",
    min_replicas: "At least",
    max_replicas: "At most",
    target_utilization: "Wanted load in %",
    refresh_seconds: "Look every … seconds",
    cpu: "CPU per replica",
    cpu_hint: "CPU seconds per second, such as 1 or 500m",
    memory: "Memory per replica",
    memory_hint: "Such as 512Mi or 1Gi",
    max_concurrent: "Calls per replica",
    max_concurrent_hint: "Running and waiting; beyond that, callers are told to come back.",
    keep_calls: "Keep inputs and outputs",
    keep_calls_hint: "Every call is written to the blob store as JSON Lines.",
    trace_calls: "Trace calls",
    trace_calls_hint: "A trace record per call.",
    settings_saved: "Settings saved",
    rule_whole_number: "A whole number, please",
    rule_number: "A number, please",
    rule_bool: "true or false, please",
    rule_missing: "This column cannot be missing",
    rule_at_least_one: "At least 1",
    rule_at_most_hundred: "0 to 100",
    rule_min_over_max: "At least must not be above at most",
    rule_quantity: "A quantity such as 1, 0.5, 500m or 512Mi",

    // Deploying.
    deploy: "Deploy",
    what_to_deploy: "What and where",
    source: "Model or image",
    source_hint: "A model is compiled and packed on the way; an image is served as it is.",
    source_model: "Model {name}",
    source_image: "Image {name}",
    destination: "Service",
    destination_hint: "An existing service goes on answering while it changes over.",
    new_service: "New service",
    existing_service: "Update {name}",
    service_name: "Name of the service",
    service_name_hint: "Part of its address: lower-case letters, digits and dashes.",
    name_taken: "This account has a service of that name; choose it above to update it.",
    nothing_to_deploy: "Nothing to deploy yet",
    deploying: "Deploying {name}",
    deploying_hint: "This goes on while you look at other pages, but not when you close the tab.",
    back_to_form: "Back to the form",
    deployed: "{name} is serving",
    stage_manifest: "Register the manifest",
    stage_image: "Compile and pack",
    stage_service: "Start serving",

    // Trying.
    request: "Request",
    how_to_enter: "How to enter values",
    form: "Form",
    request_document: "Request document",
    too_long_hint: "A row of this model is too long to show an example; paste one here.",
    not_json: "This is not JSON: {why}",
    answer: "Answer",
    no_answer_yet: "Send the example row to see what the service says.",
    answer_body: "Body",
    status: "Status {status}",
    took: "{time} round trip",
    class: "Class {class}",
    command: "From a shell",
    command_hint: "The copied command holds the primary key.",

    // Metrics.
    metrics: "Metrics",
    right_now: "Right now",
    live: "Live",
    last_minute: "Last minute",
    last_hour: "1 hour",
    last_day: "24 hours",
    last_week: "7 days",
    last_month: "30 days",
    time_range: "Time range",
    time: "Time",
    traffic: "Traffic",
    requests: "Requests",
    errors: "Errors",
    rejected: "Turned away",
    latency: "Latency",
    median: "Median",
    p95: "95th percentile",
    p99: "99th percentile",
    where_time_goes: "Where time goes",
    queue_time: "Waiting for a replica",
    run_time: "In the model",
    capacity: "Capacity",
    in_flight: "In flight",
    waiting: "Waiting",
    calls_now: "{rate} now, over the last minute",
    show_table: "Show as table",
    hide_table: "Hide table",
    live_lost: "The connection is lost; new seconds appear as soon as it is back.",

    // Operations.
    operation: "Operation",
    operation_image: "Build image",
    operation_service: "Deploy service",
    operations_empty: "No operations yet",
    operations_empty_hint: "Building an image or deploying a service shows up here, live.",
    phase: "Phase",
    target: "Makes",
    cancel_operation: "Stop operation",
    cancel_operation_title: "Stop this operation?",
    cancel_operation_hint: "What it was making is left unfinished; a service goes on serving what it served.",
    cancel_asked: "Asked to stop",
    not_cancelled: "Not stopped: {why}",

    // The frame, continued.
    theme: "Colours",
    theme_contrast: "High contrast",
    language: "Language",

    // Lists.
    rows_counted: "{count} in all",
    tagged: "Tag: {tag}",
    filter_state: "State",
    filter_kind: "Kind",
    filter_all: "All",

    // Manifests.
    manifests: "Manifests",
    manifest: "Manifest",
    new_manifest: "New manifest",
    search_manifests: "Search manifests",
    manifests_empty: "No manifests yet",
    manifests_empty_hint: "A manifest says which models an image is made of. Deploying a model makes one.",
    runtime: "Runtime",
    runtime_hint: "Onnx and Wasm run as they are. Python drivers are recorded, but do not run here.",
    driver: "Driver program",
    properties: "Properties",
    profile: "Compile for",
    profile_hint: "Relaxed is fastest on servers; portable runs in any engine; deterministic gives the same bits everywhere.",
    create: "Create",
    created_toast: "{name} is created",
    manifest_deleted: "Manifest deleted",
    delete_manifest_title: "Delete this version of the manifest?",
    delete_manifest_hint: "The models stay. A manifest that an image uses cannot be deleted.",
    images_built: "Images built from it",
    none_built: "No image was built from it yet",
    none_built_hint: "Building compiles the model and packs it.",
    build_image: "Build image",
    image_name: "Name of the image",

    // Provenance.
    compiler: "Compiler",
    source_hash: "ONNX SHA-256",
    pull_command: "Fetch and unpack",
    pull_hint: "$TOKEN is an access token of yours; any OCI tool reads the layout.",

    // A model's parts.
    parts_of_model: "Parts of the model",
    graph: "Graph",
    graph_title: "Operators",
    graph_hint: "Drag to move, scroll or use + and − to zoom, choose a node for its attributes.",
    graph_cut: "The first {shown} of {total} operators are drawn.",
    zoom_in: "Zoom in",
    zoom_out: "Zoom out",
    zoom_fit: "Whole graph",
    input: "Input",
    output: "Output",
    no_attributes: "It has no attributes.",
    choose_node: "Choose a node",
    as_table: "As a table",
    reads_from: "Reads from",
    compile_report: "Compile report",
    bounded: "Bounded time",
    bounded_yes: "Every loop ends by itself; it runs without interruption.",
    bounded_no: "It runs under a deadline.",
    row_cost: "Estimated time per row",
    symbols: "Symbols",
    where_used: "Where used",
    not_used: "Nothing uses this version yet.",
    compare: "Compare",
    compare_with: "Compare with",
    compare_hint: "Choose another version to see what differs.",
    differs: "differs",
    property: "Property",
    deletes_with_it: "Still in use by: {users}",
    nothing_uses_it: "Nothing uses it.",

    // Registering by address.
    by_file: "File",
    by_url: "URL",
    how_to_register: "Where the model is",
    model_url: "URL of the model",
    model_url_hint: "http(s), from a host that the operator allows; fetched when an image is built.",
    register_url: "Register",
    rule_url: "An address that begins with http:// or https://",
    resume: "Go on",

    // Connection and session.
    away: "The server cannot be reached. Trying again…",
    sign_in_again: "Your session has ended",
    sign_in_again_hint: "What you typed is still there. Sign in to go on.",

    // Changes.
    changes: "Changes",
    changes_lead: "What this tab has changed, as commands. $TOKEN is an access token of yours.",
    changes_empty: "Nothing changed yet",
    changes_empty_hint: "Whatever you create, change or delete here shows up as a command to copy.",
    copy_curl: "Copy as curl",

    // The design system.
    design: "Design system",
    design_lead: "Every page is made of these parts and takes its colours, sizes and spaces from these names.",
    design_colours: "Colours",
    design_type: "Type",
    design_spacing: "Spacing",
    design_icons: "Icons",
    design_parts: "Parts",

    // The command palette.
    palette: "Go to…",
    palette_hint: "A page, a model, an image, a service",
    page: "Page",
    accounts: "Accounts",
    access: "Access",

    // Trying, continued.
    pasted_table: "Rows, as CSV or from a spreadsheet",
    pasted_hint: "With these headings in any order, or without headings in this order: {columns}",
    table_empty: "Paste at least one row",
    table_too_long: "Too many rows or columns to send from here",
    table_heading: "The model has no column “{name}”",
    table_width: "Row {row} has {cells} cells, not {columns}",
    table_cell: "Row {row}, {column}: {rule}",
    history: "Earlier calls",
    ask_again: "Edit and send",
    round_trip: "Round trip",
    in_this_tab: "In this tab",
    in_this_tab_hint: "The same compiled model, run by your browser instead of the server.",
    run_here: "Run here",
    server_took: "Server, round trip",
    tab_took: "This tab, without network",
    same_answer: "Same answer as the server",
    apart: "At most {by} apart from the server",
    tab_refused: "The browser would not take the module: {why}",
    tab_failed: "The module stopped: {why}",
    tab_document: "Only documents with rows in `data` run in this tab",
    tab_row: "Row {row} does not fit the model",
    tab_signature: "{name} has a type or shape that this page does not read",
    tab_too_large: "Too large for a tab",

    // Operations, continued.
    no_such_operations: "No operation is like that; choose other filters.",

    // Accounts.
    accounts_lead: "An account holds models, images and services of its own.",
    new_account: "New account",
    edit_account: "Edit {name}",
    account_name: "Name of the account",
    resource_group: "Resource group",
    location: "Location",
    tier: "Tier",
    edit: "Edit",
    switch_to: "Switch to it",
    current: "current",
    account_saved: "{name} is saved",
    account_deleted: "{name} is deleted",
    delete_account_title: "Delete the account {name}?",
    delete_account_hint: "Its models, manifests, images and services go with it, and their addresses stop answering.",

    // Access.
    parts_of_access: "Parts of access",
    who_am_i: "Who am I",
    tenant: "Tenant",
    may_do: "May do",
    role: "Role",
    roles: "Roles",
    scope: "Scope",
    action_read: "Read everything but secrets",
    action_write: "Create, change and delete",
    action_keys: "Read service keys",
    action_access: "Manage access",
    action_score: "Call services",
    principals: "Service principals",
    principals_hint: "Programs sign in with a client ID and a secret. A secret is shown once.",
    new_principal: "New service principal",
    display_name: "Display name",
    secrets: "Secrets",
    expires: "Expires",
    new_secret: "New secret",
    revoke: "Revoke",
    revoke_title: "Revoke this secret?",
    revoke_hint: "Programs that use it cannot sign in any more. Tokens they hold stay good for up to an hour.",
    secret_once: "Copy it now: it is not shown again.",
    delete_principal_title: "Delete {name}?",
    delete_principal_hint: "Its secrets die with it and its roles are gone.",
    principal_made: "{name} can sign in now",
    principal_deleted: "Service principal deleted",
    secret_revoked: "Secret revoked",
    not_done: "It was not done: {why}",
    access_forbidden: "Only owners manage access",

    // Deploying, continued.
    as_request: "The same as a request",
    as_request_hint: "What this form sends once the image is ready.",
    rolls_back_to: "It goes back from {now} to {then}. {differs}",
    same_signature: "It takes and gives the same.",
    other_signature: "What differs: {list}",

    // Sign-in, continued.
    sign_in_as: "Client ID or sign-in name",
    sign_in_secret: "Secret or password",

    // People, sessions, audit.
    people: "People",
    people_hint: "People sign in with a link once, then with a password of their own.",
    new_person: "New person",
    sign_in_name: "Sign-in name",
    sign_in_link: "Sign-in link",
    hand_over: "Hand this to {name}, as you would a password",
    new_link: "New link",
    person_deleted: "Person deleted",
    delete_person_hint: "Their sessions end at once and their roles are gone.",
    sessions: "Sign-in sessions",
    opened_by: "Opened by",
    opened_at: "Opened",
    from_address: "From",
    end_session: "End",
    session_ended: "Session ended",
    password: "Password",
    current_password: "Current password",
    new_password: "New password",
    rule_password: "At least 12 characters",
    password_changed: "Password changed",
    audit: "Audit log",
    audit_hint: "Every change, and every attempt at one that was refused.",
    audit_empty: "Nothing was changed yet",
    search_audit: "Search the log",
    denied: "Denied",
    who: "Who",
    when: "When",
    show_older: "Show older",
    give_role: "Give a role",
    take_role: "Take away {role}",
    role_given: "Role given",
    role_taken: "Role taken away",
    no_roles: "None yet: nothing is allowed.",
    attempts: "{n} attempts",

    // What a service wrote down.
    records: "Logs and data",
    log: "Log",
    log_empty: "Nothing in the log",
    log_empty_hint: "Changes of the service, and calls that were refused or failed, are written here.",
    level: "Level",
    level_information: "Information",
    level_warning: "Warning",
    level_error: "Error",
    message: "Message",
    took_short: "Took",
    traces: "Traces",
    traces_empty: "No traces",
    traces_empty_hint: "Switch on “Trace calls” in the settings to see where time goes.",
    rows: "Rows",
    waited: "Waited",
    ran: "Ran",
    trace: "Trace",
    collected: "Collected data",
    collected_empty: "Nothing was collected",
    collected_empty_hint: "Switch on “Keep inputs and outputs” in the settings.",
    calls: "Calls",
    download: "Download",

}
