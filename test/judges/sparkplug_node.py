"""A Sparkplug B edge node for the judge of the edge component: pysparkplug (PyPI) makes its payloads.

Takes its settings as JSON in the first argument, prints one line of JSON when it is connected, then obeys
commands, one JSON per line on stdin, and answers each with one line: how often it was asked for its births.
"""

import json
import sys
import threading

import paho.mqtt.client as mqtt
import pysparkplug as psp

SETTINGS = json.loads(sys.argv[1])
GROUP, NODE = SETTINGS["group"], SETTINGS["node"]
asked = 0
states = []
connected = threading.Event()


def topic(kind, device=None):
    parts = ["spBv1.0", GROUP, kind, NODE]
    return "/".join(parts if device is None else [*parts, device])


def on_message(_client, _userdata, message):
    global asked
    if message.topic.startswith("spBv1.0/STATE/"):
        states.append(json.loads(message.payload))
        return
    command = psp.NCmd.decode(message.payload)
    asked += sum(m.name == "Node Control/Rebirth" and m.value is True for m in command.metrics)


def metric(m):
    return psp.Metric(
        timestamp=m.get("ms", psp.get_current_timestamp()),
        name=m.get("name"),
        datatype=psp.DataType[m["type"].upper()],
        value=m.get("value"),
        alias=m.get("alias"),
        is_historical=m.get("historical", False),
        is_null=m.get("value") is None,
    )


def encode(p):
    now = psp.get_current_timestamp()
    metrics = [metric(m) for m in p.get("metrics", [])]
    birth_death = psp.Metric(timestamp=now, name="bdSeq", datatype=psp.DataType.INT64, value=p.get("bdSeq", 0))
    # As a specification says: types with births only.
    kinds = {
        "NBIRTH": lambda: psp.NBirth(now, p["seq"], (*metrics, birth_death)).encode(include_dtypes=True),
        "NDATA": lambda: psp.NData(now, p["seq"], tuple(metrics)).encode(include_dtypes=False),
        "NDEATH": lambda: psp.NDeath(now, birth_death).encode(include_dtypes=True),
        "DBIRTH": lambda: psp.DBirth(now, p["seq"], tuple(metrics)).encode(include_dtypes=True),
        "DDATA": lambda: psp.DData(now, p["seq"], tuple(metrics)).encode(include_dtypes=False),
        "DDEATH": lambda: psp.DDeath(now, p["seq"]).encode(),
    }
    return kinds[p["kind"]]()


client = mqtt.Client(client_id=f"judge-{NODE}")
client.on_connect = lambda *_: connected.set()
client.on_message = on_message
client.will_set(topic("NDEATH"), encode({"kind": "NDEATH", "bdSeq": SETTINGS.get("bdSeq", 0)}), qos=1)
client.connect("127.0.0.1", SETTINGS["port"])
client.loop_start()
connected.wait(10)
client.subscribe([(topic("NCMD"), 1), ("spBv1.0/STATE/+", 1)])
print(json.dumps({"up": True}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    for p in command.get("publish", []):
        payload = bytes.fromhex(p["hex"]) if "hex" in p else encode(p)
        client.publish(topic(p["kind"], p.get("device")), payload, qos=0).wait_for_publish(10)
    print(json.dumps({"asked": asked, "states": states}), flush=True)
