"""An OPC UA server for the judge of the edge component, made of asyncua (PyPI).

Takes its settings as JSON in the first argument, prints one line of JSON when it listens, then obeys
commands, one JSON per line on stdin, and answers each with one line.
"""

import asyncio
import datetime
import ipaddress
import json
import sys
import uuid
from pathlib import Path

from asyncua import Server, ua
from asyncua.crypto.permission_rules import SimpleRoleRuleset, User, UserRole
from asyncua.server.internal_session import InternalSession
from asyncua.server.internal_subscription import InternalSubscription
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

SETTINGS = json.loads(sys.argv[1])
URI = "urn:plant"
V = ua.VariantType

# Each built-in type with a value, and what makes it awkward.
TYPES = [
    ("Boolean", True, V.Boolean),
    ("SByte", -5, V.SByte),
    ("Byte", 250, V.Byte),
    ("Int16", -1234, V.Int16),
    ("UInt16", 65000, V.UInt16),
    ("Int32", -2000000000, V.Int32),
    ("UInt32", 4000000000, V.UInt32),
    ("Int64", -42, V.Int64),
    ("Int64Large", 2**40 + 7, V.Int64),
    ("UInt64", 2**53 + 2, V.UInt64),
    ("UInt64Largest", 2**64 - 1, V.UInt64),
    ("Float", 1.5, V.Float),
    ("Double", 2.25, V.Double),
    ("NaN", float("nan"), V.Double),
    ("Infinity", float("inf"), V.Double),
    ("String", "hello é", V.String),
    ("StringNumber", "12.5", V.String),
    ("DateTime", datetime.datetime(2026, 1, 2, 3, 4, 5, 678000), V.DateTime),
    ("Guid", uuid.UUID(int=5), V.Guid),
    ("ByteString", b"\x01\x02", V.ByteString),
    ("XmlElement", ua.XmlElement("<a>1</a>"), V.XmlElement),
    ("NodeId", ua.NodeId("x", 0), V.NodeId),
    ("ExpandedNodeId", ua.ExpandedNodeId("y", 0), V.ExpandedNodeId),
    ("StatusCode", ua.StatusCode(0x80000000), V.StatusCode),
    ("QualifiedName", ua.QualifiedName("q", 0), V.QualifiedName),
    ("LocalizedText", ua.LocalizedText("run", "en"), V.LocalizedText),
    ("Range", ua.Range(0.0, 10.0), V.ExtensionObject),
    ("Doubles2", [1.0, 2.0], V.Double),
    ("Int32s2", [7, 9], V.Int32),
    ("UInt64s2", [3, 4], V.UInt64),
    ("Doubles1", [5.5], V.Double),
    ("Booleans2", [True, False], V.Boolean),
    ("Strings2", ["a", "b"], V.String),
    ("Int64s3", [-1, 2**40, -(2**40)], V.Int64),
    ("Null", None, V.Null),
]


def limit_requests():
    """Refuses requests larger than the server's limit, whatever it says that its limit is."""
    most = SETTINGS.get("refuseAbove")
    if most is None:
        return

    def limited(name, size):
        own = getattr(InternalSession, name)

        async def call(self, params, *rest):
            if size(params) > most:
                raise ua.uaerrors.BadTooManyOperations()
            return await own(self, params, *rest)

        setattr(InternalSession, name, call)

    limited("create_monitored_items", lambda p: len(p.ItemsToCreate))
    limited("translate_browsepaths_to_nodeids", lambda p: len(p))
    limited("read", lambda p: len(p.NodesToRead))
    limited("browse", lambda p: len(p.NodesToBrowse))
    limited("history_read", lambda p: len(p.NodesToRead))


# Notifications with data that are still to be lost on their way, and whether the server forgets them, too.
LOSING = {"lose": 0, "forget": False}


def lose_notifications():
    """What is to be lost gets its number and is kept for Republish, but is not sent."""
    own = InternalSubscription.publish_results

    async def publish_results(self, *rest):
        # The server's history has a subscription of its own.
        is_client = self.pub_request_callback is not None
        if LOSING["lose"] > 0 and is_client and self._publishing_enabled and self._triggered_datachanges:
            LOSING["lose"] -= 1
            number = self._pop_publish_result().NotificationMessage.SequenceNumber
            if LOSING["forget"]:
                self._not_acknowledged_results.pop(number)
            return False
        return await own(self, *rest)

    InternalSubscription.publish_results = publish_results


def limit_answers():
    """Refuses what would make a long answer, as servers with small buffers do: see "longest" and "tooLong"."""
    longest = SETTINGS.get("longest")
    if longest is None:
        return
    too_long = {f"ns=2;s={name}" for name in SETTINGS.get("tooLong", [])}

    def limited(name, length, error):
        own = getattr(InternalSession, name)

        async def call(self, params, *rest):
            results = await own(self, params, *rest)
            if length(params, results) > longest:
                raise error()
            return results

        setattr(InternalSession, name, call)

    def is_long(node):
        return longest + 1 if node.NodeId.to_string() in too_long else 1

    too_large = ua.uaerrors.BadResponseTooLarge
    limited("read", lambda p, r: sum(is_long(n) for n in p.NodesToRead), too_large)
    limited("browse", lambda p, r: sum(len(x.References) for x in r), too_large)
    limited(
        "history_read",
        lambda p, r: sum(len(x.HistoryData.DataValues) for x in r) + max(is_long(n) for n in p.NodesToRead) - 1,
        ua.uaerrors.BadEncodingLimitsExceeded,
    )


def write_certificate(folder, days, hosts):
    """A certificate of the server's own, valid from and to so many days from now."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Plant server")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.UniformResourceIdentifier("urn:twinloop:test")]
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    usage = [True, True, True, True, False, True, False, False, False]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(*usage), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.der").write_bytes(certificate.public_bytes(serialization.Encoding.DER))
    (folder / "server.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )


class Users:
    def get_user(self, iserver, username=None, password=None, certificate=None):
        wanted = SETTINGS.get("user")
        if wanted is None:
            return User(role=UserRole.User)
        if "certificateFile" in wanted:
            own = Path(wanted["certificateFile"]).read_bytes()
            return User(role=UserRole.User) if certificate == own else None
        if username == wanted["userName"] and password == wanted["password"]:
            return User(role=UserRole.User)
        return None


async def main():
    limit_requests()
    lose_notifications()
    server = Server(user_manager=Users())
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{SETTINGS['port']}/ua/")
    security = SETTINGS.get("security")
    if security is not None:
        await server.set_application_uri("urn:twinloop:test")
        server.set_security_policy(
            [
                ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
                ua.SecurityPolicyType.Basic256Sha256_Sign,
                ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
                ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
            ],
            permission_ruleset=SimpleRoleRuleset(),
        )
        write_certificate(Path(security["folder"]), security.get("days", [-1, 365]), security.get("hosts", ["127.0.0.1"]))
        await server.load_certificate(f"{security['folder']}/server.der")
        await server.load_private_key(f"{security['folder']}/server.pem")
    for i in range(SETTINGS.get("otherNamespaces", 0)):
        await server.register_namespace(f"urn:other:{i}")
    ns = await server.register_namespace(URI)
    if "says" in SETTINGS:
        for node in ("MaxMonitoredItemsPerCall", "MaxNodesPerTranslateBrowsePathsToNodeIds"):
            path = f"Server_ServerCapabilities_OperationLimits_{node}"
            await server.get_node(ua.NodeId(getattr(ua.ObjectIds, path))).write_value(
                ua.Variant(SETTINGS["says"], V.UInt32)
            )
    line = await server.nodes.objects.add_folder(
        ua.NodeId("Line", ns), ua.QualifiedName("Line", ns)
    )
    nodes = {}

    async def add(name, value, kind):
        nodes[name] = await line.add_variable(
            ua.NodeId(name, ns), ua.QualifiedName(name, ns), ua.Variant(value, kind)
        )
        return nodes[name]

    if SETTINGS.get("types"):
        for name, value, kind in TYPES:
            await add(name, value, kind)
        matrix = ua.Variant([[1, 2, 3], [4, 5, 6]], V.Int32)
        nodes["Matrix"] = await line.add_variable(
            ua.NodeId("Matrix", ns), ua.QualifiedName("Matrix", ns), matrix
        )
    for i in range(SETTINGS.get("count", 0)):
        await add(f"N{i}", float(i), V.Double)
    if SETTINGS.get("history"):
        # As values that were there before, so that tests may write times of the last minute.
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
        for name in SETTINGS["history"]:
            await add(name, 0.0, V.Double)
            await nodes[name].write_value(
                ua.DataValue(ua.Variant(0.0, V.Double), SourceTimestamp=before)
            )
    if SETTINGS.get("cycle"):
        # What Line holds holds Line again, as in no tree.
        deep = await line.add_folder(ua.NodeId("Deep", ns), ua.QualifiedName("Deep", ns))
        # asyncua's own services refuse that.
        space = server.iserver.aspace
        back = next(r for r in space[server.nodes.objects.nodeid].references if r.NodeId == line.nodeid)
        space[deep.nodeid].references.append(back)

    async with server:
        for name in SETTINGS.get("history", []):
            await server.historize_node_data_change(nodes[name], period=None, count=0)
        limit_answers()
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        print(json.dumps({"up": True, "namespace": ns, "port": SETTINGS["port"]}), flush=True)
        while text := await reader.readline():
            command = json.loads(text)
            for w in command.get("write", []):
                stamp = w.get("us")
                value = ua.DataValue(
                    ua.Variant(
                        w["value"] * w["times"] if "times" in w else w["value"],
                        V[w.get("type", "Double")],
                    ),
                    ua.StatusCode(w.get("status", 0)),
                    SourceTimestamp=None
                    if stamp is None
                    else datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
                    + datetime.timedelta(microseconds=stamp),
                )
                await server.write_attribute_value(nodes[w["node"]].nodeid, value)
            for name in LOSING.keys() & command.keys():
                LOSING[name] = command[name]
            if command.get("cut"):
                # Every connection ends, as when a switch is reset; this server forgets their sessions then.
                for client in list(server.bserver.clients):
                    client.transport.abort()
            print(json.dumps({"done": True, "lose": LOSING["lose"]}), flush=True)


asyncio.run(main())
