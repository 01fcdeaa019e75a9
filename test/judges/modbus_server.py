"""A Modbus server (TCP, RTU over TCP, serial RTU) for the judge of the edge component, made of pymodbus (PyPI).

Takes its settings as JSON in the first argument, prints one line of JSON when it listens, then obeys
commands, one JSON per line on stdin, and answers each with one line.
"""

import asyncio
import json
import os
import struct
import sys
import threading
import tty

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusServerContext
from pymodbus.exceptions import NoSuchIdException
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

SETTINGS = json.loads(sys.argv[1])
FORMATS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}


def registers(kind, value, order):
    """Registers of a value; A is its most significant byte, pairs of letters are registers."""
    raw = struct.pack(FORMATS[kind], value)
    words = [raw[i : i + 2] for i in range(0, len(raw), 2)]
    if order in ("CDAB", "DCBA"):
        words.reverse()
    if order in ("BADC", "DCBA"):
        words = [w[::-1] for w in words]
    return [int.from_bytes(w, "big") for w in words]


class Plant(ModbusServerContext):
    """Units by their ids; function codes 1 to 4 are coils, discrete inputs, holding, input."""

    def __init__(self):
        self.tables = {}
        self.fault = None
        self.requests = 0
        self.simdevices = []
        self.old_simulator = True
        for unit, tables in SETTINGS["units"].items():
            cells = {}
            for table, entries in tables.items():
                for address, *entry in entries:
                    values = [entry[0]] if len(entry) == 1 else registers(*entry)
                    for i, value in enumerate(values):
                        cells[int(table), address + i] = value
            self.tables[int(unit)] = cells

    def device_ids(self):
        return list(self.tables)

    async def async_getValues(self, device_id, func_code, address, count=1):
        self.requests += 1
        if self.fault is not None:
            return ExcCodes(self.fault)
        if device_id not in self.tables:
            raise NoSuchIdException(str(device_id))
        cells = self.tables[device_id]
        if not all((func_code, address + i) in cells for i in range(count)):
            return ExcCodes.ILLEGAL_ADDRESS
        return [cells[func_code, address + i] for i in range(count)]


def serial_line():
    """Two ends of a serial line, made of pseudo terminals; what is written at one is read at the other."""
    ends, slaves = [], []
    for _ in range(2):
        master, slave = os.openpty()
        tty.setraw(slave)
        ends.append(master)
        slaves.append(os.ttyname(slave))

    def carry(one, other):
        while True:
            os.write(other, os.read(one, 4096))

    for one, other in (ends, ends[::-1]):
        threading.Thread(target=carry, args=(one, other), daemon=True).start()
    return slaves


async def main():
    plant = Plant()
    hello = {"up": True}
    silent = SETTINGS.get("silent", False)
    if SETTINGS.get("serial"):
        near, hello["path"] = serial_line()
        server = ModbusSerialServer(
            plant, framer=FramerType.RTU, port=near, baudrate=115200, ignore_missing_devices=silent
        )
    else:
        server = ModbusTcpServer(
            plant,
            framer=FramerType[SETTINGS.get("framer", "SOCKET")],
            address=("127.0.0.1", SETTINGS["port"]),
            ignore_missing_devices=silent,
        )
    await server.serve_forever(background=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    print(json.dumps(hello), flush=True)
    while text := await reader.readline():
        command = json.loads(text)
        if "set" in command:
            # One register: {"unit", "table", "address", "value"}.
            cell = command["set"]
            plant.tables[cell["unit"]][cell["table"], cell["address"]] = cell["value"] & 0xFFFF
        if "fault" in command:
            plant.fault = command["fault"]
        print(json.dumps({"requests": plant.requests}), flush=True)


asyncio.run(main())
