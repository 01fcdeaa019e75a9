"""Judges a stand-in for IoT TwinMaker by botocore's model of the service: every answer must fit the
model's shapes, and every request that breaks a limit of the model must be refused.

argv: endpoint, asset id, asset model id. Prints one JSON object: {"calls", "refusals", "problems"}.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

endpoint, asset_id, model_id = sys.argv[1:4]


def client(check):
    config = Config(parameter_validation=check, inject_host_prefix=False, retries={"total_max_attempts": 1})
    return boto3.client("iottwinmaker", endpoint_url=endpoint, config=config)


good, unchecked = client(True), client(False)
model = good.meta.service_model
problems, calls, refusals = [], 0, 0
done = {}


def call(operation, **request):
    global calls
    answer = getattr(good, METHODS[operation])(**request)
    answer.pop("ResponseMetadata")
    calls += 1
    done[operation] = request
    shape = model.operation_model(operation).output_shape
    if shape is not None:
        report = ParamValidator().validate(answer, shape)
        if report.has_errors():
            problems.append(f"{operation}: {report.generate_report()}")
        for name in answer:
            if name not in shape.members:
                problems.append(f"{operation}: member {name} is not in the model")
    return answer


METHODS = {v: k for k, v in good.meta.method_to_api_mapping.items()}


def refused(operation, code, **request):
    try:
        getattr(unchecked, METHODS[operation])(**request)
        problems.append(f"{operation} took {json.dumps(request, default=str)[:200]}")
    except ClientError as error:
        found = error.response["Error"]["Code"]
        if found != code:
            problems.append(f"{operation}: {found} instead of {code}: {error}")
        elif code not in {s.name for s in model.operation_model(operation).error_shapes}:
            problems.append(f"{operation} never answers {code} in AWS")


W = {"workspaceId": "plant"}
call("CreateWorkspace", **W, role="arn:aws:iam::123456789012:role/reader", s3Location="arn:aws:s3:::plant-bucket", tags={"a": "b"})
refused("CreateWorkspace", "ConflictException", **W)
workspace = call("GetWorkspace", **W)
call("UpdateWorkspace", **W, description="A plant")
call("ListWorkspaces")
connector = "com.amazon.iotsitewise.connector"
call("GetComponentType", **W, componentTypeId=connector)
call("CreateComponentType", **W, componentTypeId="com.example.pump", extendsFrom=[connector],
     propertyDefinitions={"serial": {"dataType": {"type": "STRING"}, "isRequiredInEntity": False}})
call("UpdateComponentType", **W, componentTypeId="com.example.pump", extendsFrom=[connector],
     propertyDefinitions={"serial": {"dataType": {"type": "STRING"}}, "mass": {"dataType": {"type": "DOUBLE"}}})
call("ListComponentTypes", **W, filters=[{"extendsFrom": connector}])
pump = call("GetComponentType", **W, componentTypeId="com.example.pump")
assert set(pump["propertyDefinitions"]) == {"serial", "mass", "sitewiseAssetId", "sitewiseAssetModelId"}, pump
bound = {"sitewiseAssetId": {"value": {"stringValue": asset_id}}, "sitewiseAssetModelId": {"value": {"stringValue": model_id}}}
call("CreateEntity", **W, entityId="hall", entityName="Hall")
refused("CreateEntity", "ConflictException", **W, entityId="hall", entityName="Hall")
refused("CreateEntity", "ValidationException", **W, entityName="Lost", parentEntityId="nowhere")
refused("CreateEntity", "ValidationException", **W, entityName="Unbound", components={"twin": {"componentTypeId": connector}})
refused("CreateEntity", "ValidationException", **W, entityName="Of no type", components={"twin": {"componentTypeId": "none"}})
refused("CreateEntity", "ValidationException", workspaceId="none", entityName="Of no workspace")
call("CreateEntity", **W, entityId="pump1", entityName="Pump 1", parentEntityId="hall", tags={"c": "d"},
     components={"twin": {"componentTypeId": "com.example.pump", "properties": {**bound, "serial": {"value": {"stringValue": "S-1"}}}}})
refused("CreateEntity", "ValidationException", **W, entityName="x", components={"twin": {"componentTypeId": "com.example.pump", "properties": {**bound, "mass": {"value": {"stringValue": "heavy"}}}}})
refused("CreateEntity", "ValidationException", **W, entityName="x", components={"twin": {"componentTypeId": "com.example.pump", "properties": {**bound, "colour": {"value": {"stringValue": "red"}}}}})
entity = call("GetEntity", **W, entityId="pump1")
assert entity["status"]["state"] == "ACTIVE", entity["status"]
names = set(entity["components"]["twin"]["properties"])
assert {"speed", "maker", "serial"} <= names, names
call("ListEntities", **W, filters=[{"parentEntityId": "hall"}])
found = call("ListEntities", **W, filters=[{"externalId": asset_id}])
assert [e["entityId"] for e in found["entitySummaries"]] == ["pump1"], found
call("UpdateEntity", **W, entityId="pump1", entityName="Pump one",
     componentUpdates={"twin": {"updateType": "UPDATE", "propertyUpdates": {"serial": {"value": {"stringValue": "S-2"}}}}})
call("ListComponents", **W, entityId="pump1")
call("ListProperties", **W, entityId="pump1", componentName="twin")
place = {**W, "entityId": "pump1", "componentName": "twin"}
values = call("GetPropertyValue", **place, selectedProperties=["serial", "maker"])["propertyValues"]
assert values["serial"]["propertyValue"] == {"stringValue": "S-2"}, values
assert values["maker"]["propertyValue"] == {"stringValue": "Acme"}, values
refused("GetPropertyValue", "ValidationException", **place, selectedProperties=["speed"])
span = {"startTime": "2020-01-01T00:00:00Z", "endTime": "2100-01-01T00:00:00Z"}
pages, token = [], {}
while True:
    page = call("GetPropertyValueHistory", **place, **span, selectedProperties=["speed", "level"], maxResults=2, **token)
    pages.append(page)
    if "nextToken" not in page:
        break
    token = {"nextToken": page["nextToken"]}
series = {}
for page in pages:
    for entry in page["propertyValues"]:
        key = entry["entityPropertyReference"]["propertyName"]
        series.setdefault(key, []).extend(v["value"]["doubleValue"] for v in entry["values"])
assert series == {"speed": [1.0, 2.0, 3.0, 4.0, 5.0], "level": [10.0, 20.0, 30.0]}, series
down = call("GetPropertyValueHistory", **place, **span, selectedProperties=["speed"], orderByTime="DESCENDING")
assert [v["value"]["doubleValue"] for v in down["propertyValues"][0]["values"]] == [5.0, 4.0, 3.0, 2.0, 1.0]
by_type = call("GetPropertyValueHistory", **W, **span, componentTypeId="com.example.pump", selectedProperties=["speed"])
assert by_type["propertyValues"][0]["entityPropertyReference"]["externalIdProperty"] == {"sitewiseAssetId": asset_id}
refused("GetPropertyValueHistory", "ValidationException", **place, **span, selectedProperties=["serial"])
refused("GetPropertyValueHistory", "ValidationException", **place, **span, selectedProperties=["none"])
refused("GetPropertyValueHistory", "ValidationException", **place, selectedProperties=["speed"])
refused("GetPropertyValueHistory", "ValidationException", **place, startTime=span["endTime"], endTime=span["startTime"], selectedProperties=["speed"])
call("CreateScene", **W, sceneId="hall", contentLocation="s3://plant-bucket/hall.json")
refused("CreateScene", "ConflictException", **W, sceneId="hall", contentLocation="s3://plant-bucket/hall.json")
call("GetScene", **W, sceneId="hall")
call("UpdateScene", **W, sceneId="hall", description="The hall")
call("ListScenes", **W)
arn = workspace["arn"]
call("TagResource", resourceARN=arn, tags={"e": "f"})
call("UntagResource", resourceARN=arn, tagKeys=["a"])
tags = call("ListTagsForResource", resourceARN=arn)
assert tags["tags"] == {"e": "f"}, tags


def violations(shape):
    """Values that break one limit of a shape."""
    if shape.type_name == "string":
        if shape.metadata.get("enum"):
            yield "NOT_ONE_OF_THEM"
        if shape.metadata.get("max", 1e9) < 1e5:
            yield "a" * (shape.metadata["max"] + 1)
        if shape.metadata.get("pattern") not in (None, ".*", ".*[^\\u0000-\\u001F\\u007F]*.*"):
            yield "\u0001"
    elif shape.type_name == "integer" and "max" in shape.metadata:
        yield shape.metadata["max"] + 1
        yield -1
    elif shape.type_name == "list" and "max" in shape.metadata:
        yield ["a"] * (shape.metadata["max"] + 1) if shape.member.type_name == "string" else [{}] * (shape.metadata["max"] + 1)
    elif shape.type_name == "map" and "max" in shape.metadata:
        yield {f"k{i}": "v" for i in range(shape.metadata["max"] + 1)}


for operation, request in done.items():
    shape = model.operation_model(operation).input_shape
    for name, member in shape.members.items():
        for value in violations(member):
            # botocore itself does not send empty or control characters in a path.
            refusals += 1
            code = "ValidationException"
            try:
                getattr(unchecked, METHODS[operation])(**{**request, name: value})
                problems.append(f"{operation}.{name} took {str(value)[:40]!r}")
            except ClientError as error:
                if error.response["Error"]["Code"] != code:
                    problems.append(f"{operation}.{name} = {str(value)[:40]!r}: {error}")
    for name in shape.required_members:
        if shape.members[name].serialization.get("location") == "uri":
            continue
        refusals += 1
        try:
            getattr(unchecked, METHODS[operation])(**{k: v for k, v in request.items() if k != name})
            problems.append(f"{operation} without {name} was taken")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                problems.append(f"{operation} without {name}: {error}")

refused("DeleteWorkspace", "ValidationException", **W)
refused("DeleteEntity", "ValidationException", **W, entityId="hall")
call("DeleteEntity", **W, entityId="hall", isRecursive=True)
refused("GetEntity", "ResourceNotFoundException", **W, entityId="pump1")
call("DeleteComponentType", **W, componentTypeId="com.example.pump")
call("DeleteScene", **W, sceneId="hall")
call("DeleteWorkspace", **W)
refused("GetWorkspace", "ResourceNotFoundException", **W)
print(json.dumps({"calls": calls, "refusals": refusals, "operations": sorted(done), "problems": problems}))
