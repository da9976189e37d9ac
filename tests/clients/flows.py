#!/usr/bin/env python3
"""Drives our server with other people's clients, as their users do: only the address is another.

    python3 tests/clients/flows.py ENDPOINT BOOTSTRAP.json CERTIFICATE.pem SECOND_CLIENT.json

The endpoint is https, as these clients demand; the certificate is the one that the server made for itself. Each flow
asserts what it sees and adds its name to the JSON list on stdout; the first that fails ends the script.
"""

import json
import os
import sys
import uuid

ENDPOINT, BOOTSTRAP, CERTIFICATE, SECOND = sys.argv[1:]
# The older clients know no option for it.
os.environ["REQUESTS_CA_BUNDLE"] = CERTIFICATE

import adal
import msal
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.machinelearningcompute import MachineLearningComputeManagementClient
from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from msrest.authentication import BasicTokenAuthentication

RESOURCE = "https://management.azure.com/"
SCOPE = "https://management.azure.com/.default"

with open(BOOTSTRAP) as file:
    edge = json.load(file)
with open(SECOND) as file:
    second = json.load(file)
tenant, subscription, group = edge["tenantId"], edge["subscriptionId"], edge["resourceGroup"]


def msal_token(secret):
    application = msal.ConfidentialClientApplication(
        edge["clientId"],
        authority=f"{ENDPOINT}/{tenant}",
        client_credential=secret,
        instance_discovery=False,
        verify=CERTIFICATE,
    )
    return application.acquire_token_for_client([SCOPE])


def msal_signs_in():
    token = msal_token(edge["clientSecret"])
    assert "access_token" in token, token
    assert token["expires_in"] == 3599 and token["token_type"] == "Bearer", token
    refusal = msal_token("wrong")
    assert refusal["error"] == "invalid_client", refusal
    assert refusal["error_codes"] == [7000215] and refusal["error_description"].startswith("AADSTS7000215"), refusal
    assert uuid.UUID(refusal["correlation_id"]) and uuid.UUID(refusal["trace_id"]), refusal


def adal_signs_in():
    context = adal.AuthenticationContext(f"{ENDPOINT}/{tenant}", validate_authority=False)
    token = context.acquire_token_with_client_credentials(RESOURCE, edge["clientId"], edge["clientSecret"])
    assert token["tokenType"] == "Bearer" and token["resource"] == RESOURCE, token
    assert token["expiresIn"] == 3599, token
    try:
        context.acquire_token_with_client_credentials(RESOURCE, edge["clientId"] + "0", "wrong")
        raise AssertionError("a wrong secret was accepted")
    except adal.AdalError as refusal:
        assert refusal.error_response["error"] == "invalid_client", refusal.error_response
    return token["accessToken"]


def credential():
    return ClientSecretCredential(
        tenant,
        edge["clientId"],
        edge["clientSecret"],
        authority=ENDPOINT,
        disable_instance_discovery=True,
        connection_verify=CERTIFICATE,
    )


def arm(kind, *arguments):
    return kind(
        credential(), *arguments, base_url=ENDPOINT, credential_scopes=[SCOPE], connection_verify=CERTIFICATE
    )


def subscriptions_are_found():
    client = arm(SubscriptionClient)
    found = [row.subscription_id for row in client.subscriptions.list()]
    assert found == [subscription], found
    one = client.subscriptions.get(subscription)
    assert one.state == "Enabled" and one.display_name, one
    try:
        client.subscriptions.get(str(uuid.uuid4()))
        raise AssertionError("an unknown subscription was found")
    except ResourceNotFoundError as refusal:
        assert refusal.error.code == "SubscriptionNotFound", refusal


def groups_come_and_go():
    client = arm(ResourceManagementClient, subscription)
    assert not client.resource_groups.check_existence("sdk-made")
    made = client.resource_groups.create_or_update("sdk-made", {"location": "local", "tags": {"by": "sdk"}})
    assert made.name == "sdk-made" and made.properties.provisioning_state == "Succeeded", made
    assert client.resource_groups.check_existence("SDK-MADE")
    assert client.resource_groups.update("sdk-made", {"tags": {"by": "hand"}}).tags == {"by": "hand"}
    assert sorted(row.name for row in client.resource_groups.list()) == sorted([group, "sdk-made"])
    client.resource_groups.begin_delete("sdk-made").result()
    assert not client.resource_groups.check_existence("sdk-made")
    try:
        client.resource_groups.begin_delete(group).result()
        raise AssertionError("a group that holds an account was deleted")
    except HttpResponseError as refusal:
        assert refusal.status_code == 409 and edge["account"] in str(refusal), refusal
    provider = client.providers.get("Microsoft.MachineLearningModelManagement")
    assert provider.registration_state == "Registered", provider


def roles_are_given_and_taken():
    client = arm(AuthorizationManagementClient, subscription)
    scope = f"/subscriptions/{subscription}/resourceGroups/{group}"
    (reader,) = client.role_definitions.list(scope, filter="roleName eq 'Reader'")
    assert reader.id.endswith("acdd72a7-3385-48ef-bd42-f606fba81ae7"), reader.id
    name = str(uuid.uuid4())
    wanted = {"role_definition_id": reader.id, "principal_id": second["id"]}
    made = client.role_assignments.create(scope, name, wanted)
    assert made.name == name and made.principal_id == second["id"] and made.scope == scope, made
    try:
        client.role_assignments.create(scope, str(uuid.uuid4()), wanted)
        raise AssertionError("the same role was given twice")
    except ResourceExistsError as refusal:
        assert refusal.error.code == "RoleAssignmentExists", refusal
    mine = list(client.role_assignments.list_for_scope(scope, filter=f"principalId eq '{second['id']}'"))
    assert [row.name for row in mine] == [name], mine
    assert client.role_assignments.get(scope, name).role_definition_id == made.role_definition_id
    assert client.role_assignments.delete(scope, name).name == name
    assert client.role_assignments.delete(scope, name) is None
    everything = list(client.role_assignments.list_for_subscription())
    (owner,) = [row for row in everything if row.role_definition_id.endswith("8e3af657-a8ff-443c-a75c-2fe8c4bcb635")]
    try:
        client.role_assignments.delete(owner.scope, owner.name)
        raise AssertionError("the last owner was removed")
    except HttpResponseError as refusal:
        assert refusal.status_code == 409 and refusal.error.code == "LastOwner", refusal


def keys_of_a_cluster_are_listed(token):
    client = MachineLearningComputeManagementClient(
        BasicTokenAuthentication({"access_token": token}), subscription, base_url=ENDPOINT
    )
    keys = client.operationalization_clusters.list_keys(group, "any")
    assert keys.storage_account.resource_id.endswith(f"/accounts/{edge['account']}"), keys.storage_account


def the_activity_log_is_read():
    client = arm(MonitorManagementClient, subscription)
    rows = list(client.activity_logs.list(f"eventTimestamp ge '2020-01-01T00:00:00Z' and resourceGroupName eq 'sdk-made'"))
    seen = {(row.operation_name.value.split(" ")[0], row.status.value) for row in rows}
    assert {("PUT", "Succeeded"), ("PATCH", "Succeeded"), ("DELETE", "Succeeded")} <= seen, seen
    assert all(row.subscription_id == subscription and row.event_timestamp for row in rows), rows


passed = []


def run(flow, *arguments):
    answer = flow(*arguments)
    passed.append(flow.__name__)
    return answer


run(msal_signs_in)
older = run(adal_signs_in)
run(subscriptions_are_found)
run(groups_come_and_go)
run(roles_are_given_and_taken)
run(keys_of_a_cluster_are_listed, older)
run(the_activity_log_is_read)
print(json.dumps(passed))
