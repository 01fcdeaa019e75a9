"""Publishes values at a steady rate and counts what of them comes out at the far end, with paho (PyPI).

pub_rate.py PORT COUNT QOS PER_SECOND TOPIC FAR_TOPIC SECONDS_TO_WAIT; prints one line of JSON.
"""

import json
import sys
import time

import paho.mqtt.client as mqtt

port, count, qos, rate, topic, far_topic, tail = sys.argv[1:]
count, qos = int(count), int(qos)


def client(name):
    """The first argument is new in paho 2."""
    version = getattr(mqtt, "CallbackAPIVersion", None)
    first = [] if version is None else [version.VERSION2]
    made = mqtt.Client(*first, client_id=f"{name}{time.time()}")
    made.connect("127.0.0.1", int(port))
    return made


got = set()
twice = 0


def on_message(_client, _userdata, message):
    global twice
    for v in json.loads(message.payload)["propertyValues"]:
        stamp = v["timestamp"]
        key = (stamp["timeInSeconds"], stamp.get("offsetInNanos", 0), v.get("quality"))
        if key in got:
            twice += 1
        got.add(key)


subscriber = client("sub")
subscriber.on_message = on_message
subscriber.subscribe(far_topic, 1)
subscriber.loop_start()
publisher = client("pub")
publisher.max_inflight_messages_set(1000)
publisher.max_queued_messages_set(0)
publisher.loop_start()
time.sleep(0.5)
began = time.time()
for i in range(count):
    wait = began + i / float(rate) - time.time()
    if wait > 0:
        time.sleep(wait)
    publisher.publish(topic, json.dumps({"v": i * 0.5, "t": int(time.time() * 1e6) / 1000}), qos)
end = time.time() + float(tail)
while time.time() < end and len(got) < count:
    time.sleep(0.1)
print(json.dumps({"sent": count, "distinct": len(got), "twice": twice}))
