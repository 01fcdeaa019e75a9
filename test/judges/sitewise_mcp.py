"""Drives awslabs' MCP server for IoT SiteWise against a stand-in, as an assistant would.

argv: the server's program, the stand-in's endpoint. Prints {"tools", "called", "refused"} as JSON;
`refused` are tools whose operation the stand-in does not offer, with what they said.
"""

import asyncio
import json
import os
import sys
import time

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

program, endpoint = sys.argv[1:3]
called = []


async def run(session):
    tools = {t.name for t in (await session.list_tools()).tools}

    async def call(name, **arguments):
        assert name in tools, f"the server has no tool {name}"
        result = await session.call_tool(name, {"region": "us-east-1", **arguments})
        text = "".join(c.text for c in result.content if hasattr(c, "text"))
        answer = result.structuredContent or (json.loads(text) if text.startswith("{") else {"text": text})
        answer = answer.get("result", answer) if isinstance(answer.get("result"), dict) else answer
        assert not result.isError and answer.get("success") is not False, f"{name}: {text[:500]}"
        called.append(name)
        return answer

    async def active(name, state, **arguments):
        for _ in range(200):
            answer = await call(name, **arguments)
            called.pop()
            if state(answer) == "ACTIVE":
                return answer
            await asyncio.sleep(0.02)
        raise AssertionError(f"{name}: never ACTIVE")

    measured = {"name": "speed", "dataType": "DOUBLE", "unit": "m/s", "type": {"measurement": {}}}
    mean = {
        "name": "mean",
        "dataType": "DOUBLE",
        "type": {"metric": {"expression": "avg(s)", "variables": [{"name": "s", "value": {"propertyId": "speed"}}],
                            "window": {"tumbling": {"interval": "1m"}}}},
    }
    model = (await call("create_asset_model", asset_model_name="pump", asset_model_properties=[measured, mean],
                        asset_model_hierarchies=[]))["asset_model_id"]
    await active("describe_asset_model", lambda a: a["asset_model_status"]["state"], asset_model_id=model)
    await call("describe_asset_model", asset_model_id=model)
    await call("list_asset_models")
    await call("list_asset_model_properties", asset_model_id=model)
    asset = (await call("create_asset", asset_name="pump1", asset_model_id=model, asset_external_id="pump-1"))["asset_id"]
    described = await active("describe_asset", lambda a: a["asset_status"]["state"], asset_id=asset)
    await call("describe_asset", asset_id=asset)
    await call("list_assets", asset_model_id=model)
    speed = next(p["id"] for p in described["asset_properties"] if p["name"] == "speed")
    mean_id = next(p["id"] for p in described["asset_properties"] if p["name"] == "mean")
    place = {"asset_id": asset, "property_id": speed}
    now = int(time.time()) - 600
    values = [{"value": {"doubleValue": float(i)}, "timestamp": {"timeInSeconds": now + i}, "quality": "GOOD"} for i in range(5)]
    put = await call("batch_put_asset_property_value",
                     entries=[{"entryId": "a", "assetId": asset, "propertyId": speed, "propertyValues": values}])
    assert put["error_entries"] == [], put
    latest = await call("get_asset_property_value", **place)
    assert latest["value"]["doubleValue"] == 4.0, latest
    span = {"start_date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 1)),
            "end_date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 500))}
    history = await call("get_asset_property_value_history", **place, **span)
    found = [v["value"]["doubleValue"] for v in history["asset_property_value_history"]]
    assert found == [0.0, 1.0, 2.0, 3.0, 4.0], history
    aggregates = await call("get_asset_property_aggregates", **place, **span, aggregate_types=["COUNT"], resolution="1m")
    assert sum(v["value"]["count"] for v in aggregates["aggregated_values"]) == 5, aggregates
    await call("get_interpl_asset_property_values", **place, start_time_in_seconds=now, end_time_in_seconds=now + 4,
               quality="GOOD", interval_in_seconds=1, interpolation_type="LINEAR_INTERPOLATION")
    entry = {"entryId": "a", "assetId": asset, "propertyId": speed}
    await call("batch_get_asset_property_value", entries=[entry])
    await call("batch_get_asset_property_value_hist", entries=[entry])
    await call("batch_get_asset_property_aggregates",
               entries=[{**entry, "aggregateTypes": ["AVERAGE"], "resolution": "1h", "startDate": now - 3600, "endDate": now + 3600}])
    rows = await call("execute_query", query_statement=f"SELECT asset_name FROM asset WHERE asset_id = '{asset}'")
    assert "pump1" in json.dumps(rows), rows
    await call("list_time_series", asset_id=asset)
    await call("describe_time_series", **place)
    gateway = (await call("create_gateway", gateway_name="hall", gateway_platform={"greengrassV2": {"coreDeviceThingName": "core"}}))["gateway_id"]
    await call("describe_gateway", gateway_id=gateway)
    await call("list_gateways")
    await call("delete_gateway", gateway_id=gateway)
    await call("describe_storage_configuration")
    await call("describe_logging_options")
    await call("describe_default_encryption_config")
    watched = (await call("create_asset_model", asset_model_name="watched", asset_model_properties=[
        {"name": "flow", "dataType": "DOUBLE", "type": {"measurement": {}}},
        {"name": "anomaly", "dataType": "STRING", "type": {"measurement": {}}}], asset_model_hierarchies=[]))["asset_model_id"]
    active_model = await active("describe_asset_model", lambda a: a["asset_model_status"]["state"], asset_model_id=watched)
    ids = {p["name"]: p["id"] for p in active_model["asset_model_properties"]}
    watched_asset = (await call("create_asset", asset_name="watched1", asset_model_id=watched))["asset_id"]
    computation = (await call("create_anomaly_detection_model", computation_model_name="anomalies",
                              input_properties=[{"assetModelProperty": {"assetModelId": watched, "propertyId": ids["flow"]}}],
                              result_property={"assetModelProperty": {"assetModelId": watched, "propertyId": ids["anomaly"]}},
                              ))["computationModelId"]
    described = await active("describe_computation_model", lambda a: a["computationModelStatus"]["state"], computation_model_id=computation)
    await call("list_computation_models")
    # The tool asks rightly, and looks for its answer under a name that the API does not have.
    await call("list_computation_model_data_binding_usages", data_binding_value_filter={"assetModel": {"assetModelId": watched}})
    training = next(a["actionDefinitionId"] for a in described["actionDefinitions"] if a["actionType"].endswith("TRAINING"))
    await call("execute_training_action", training_action_definition_id=training, training_mode="TRAIN_MODEL",
               target_resource={"computationModelId": computation}, resolve_to={"assetId": watched_asset},
               export_data_start_time=now - 86400 * 30, export_data_end_time=now)
    target = {"target_resource_id": computation, "target_resource_type": "COMPUTATION_MODEL"}
    assert len((await call("list_actions", **target))["actionSummaries"]) == 1
    executions = (await call("list_executions", **target))["executionSummaries"]
    execution = await call("describe_execution", execution_id=executions[0]["executionId"])
    assert "trains no models" in execution["executionResult"]["failureReason"], execution
    await call("describe_computation_model_execution_summary", computation_model_id=computation)
    await call("list_computation_model_resolve_to_resources", computation_model_id=computation)
    await call("delete_computation_model", computation_model_id=computation)
    refused = {}
    for name, arguments in {
        "put_default_encryption_configuration": {"encryption_type": "SITEWISE_DEFAULT_ENCRYPTION"},
    }.items():
        result = await session.call_tool(name, {"region": "us-east-1", **arguments})
        refused[name] = "".join(c.text for c in result.content if hasattr(c, "text"))
    await call("delete_asset", asset_id=asset)
    print(json.dumps({"tools": len(tools), "called": sorted(set(called)), "refused": refused}))


async def main():
    environment = {
        "PATH": os.environ["PATH"],
        "SITEWISE_MCP_ALLOW_WRITES": "True",
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_ENDPOINT_URL_IOTSITEWISE": endpoint,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
    }
    parameters = StdioServerParameters(command=program, args=[], env=environment)
    with open(os.devnull, "w") as quiet:
        async with stdio_client(parameters, errlog=quiet) as (read, write):
            async with ClientSession(read, write) as session:
                await session.initialize()
                await run(session)


asyncio.run(main())
