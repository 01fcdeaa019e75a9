// An OPC UA server for the judge of the edge component, made of Eclipse Milo (Maven): started from source by
// `java -cp "LIB/*" milo_server.java SETTINGS`. Settings are JSON of whole numbers: port, count (variables
// N0 …), most (items in one request, as its OperationLimits say), otherNamespaces. Prints one line of JSON
// when it listens, then obeys one command per line on stdin and answers each with one line.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.milo.opcua.sdk.core.AccessLevel;
import org.eclipse.milo.opcua.sdk.core.Reference;
import org.eclipse.milo.opcua.sdk.server.EndpointConfig;
import org.eclipse.milo.opcua.sdk.server.ManagedNamespaceWithLifecycle;
import org.eclipse.milo.opcua.sdk.server.OpcUaServer;
import org.eclipse.milo.opcua.sdk.server.OpcUaServerConfig;
import org.eclipse.milo.opcua.sdk.server.OpcUaServerConfigLimits;
import org.eclipse.milo.opcua.sdk.server.items.DataItem;
import org.eclipse.milo.opcua.sdk.server.items.MonitoredItem;
import org.eclipse.milo.opcua.sdk.server.nodes.UaFolderNode;
import org.eclipse.milo.opcua.sdk.server.nodes.UaVariableNode;
import org.eclipse.milo.opcua.sdk.server.util.SubscriptionModel;
import org.eclipse.milo.opcua.stack.core.NodeIds;
import org.eclipse.milo.opcua.stack.core.security.DefaultCertificateManager;
import org.eclipse.milo.opcua.stack.core.security.MemoryCertificateQuarantine;
import org.eclipse.milo.opcua.stack.core.security.SecurityPolicy;
import org.eclipse.milo.opcua.stack.core.types.builtin.DataValue;
import org.eclipse.milo.opcua.stack.core.types.builtin.DateTime;
import org.eclipse.milo.opcua.stack.core.types.builtin.LocalizedText;
import org.eclipse.milo.opcua.stack.core.types.builtin.NodeId;
import org.eclipse.milo.opcua.stack.core.types.builtin.StatusCode;
import org.eclipse.milo.opcua.stack.core.types.builtin.Variant;
import org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.UInteger;
import org.eclipse.milo.opcua.stack.core.types.builtin.unsigned.Unsigned;
import org.eclipse.milo.opcua.stack.core.types.enumerated.MessageSecurityMode;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransport;
import org.eclipse.milo.opcua.stack.transport.server.tcp.OpcTcpServerTransportConfig;

public class milo_server {
  static String settings;

  /** A whole number among the settings or in a command. */
  static long number(String json, String name, long otherwise) {
    Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*(-?\\d+)").matcher(json);
    return found.find() ? Long.parseLong(found.group(1)) : otherwise;
  }

  /** As many items in a request as the settings say, told in the OperationLimits and kept. */
  static class Limits implements OpcUaServerConfigLimits {
    final UInteger most = Unsigned.uint(number(settings, "most", 1000));

    public UInteger getMaxMonitoredItemsPerCall() { return most; }
    public UInteger getMaxNodesPerRead() { return most; }
    public UInteger getMaxNodesPerBrowse() { return most; }
    public UInteger getMaxNodesPerTranslateBrowsePathsToNodeIds() { return most; }
    public Double getMinPublishingInterval() { return 20.0; }
    public Double getMinSupportedSampleRate() { return 20.0; }
  }

  static class Plant extends ManagedNamespaceWithLifecycle {
    final List<UaVariableNode> nodes = new ArrayList<>();
    final SubscriptionModel subscriptions;

    Plant(OpcUaServer server) {
      super(server, "urn:plant");
      subscriptions = new SubscriptionModel(server, this);
      getLifecycleManager().addLifecycle(subscriptions);
      getLifecycleManager().addStartupTask(() -> {
        var line = new UaFolderNode(getNodeContext(), newNodeId("Line"), newQualifiedName("Line"),
            LocalizedText.english("Line"));
        getNodeManager().addNode(line);
        line.addReference(new Reference(line.getNodeId(), NodeIds.Organizes,
            NodeIds.ObjectsFolder.expanded(), false));
        for (int i = 0; i < number(settings, "count", 0); i++) add(line, "N" + i, NodeIds.Double, (double) i);
        add(line, "Int64", NodeIds.Int64, -42L);
        add(line, "UInt64", NodeIds.UInt64, Unsigned.ulong("18446744073709551615"));
        add(line, "Int32s", NodeIds.Int32, new Integer[] {1, 2});
        add(line, "Text", NodeIds.String, "hello é");
        add(line, "When", NodeIds.DateTime, new DateTime(DateTime.now().getJavaDate()));
      });
    }

    void add(UaFolderNode folder, String name, NodeId type, Object value) {
      var node = new UaVariableNode.UaVariableNodeBuilder(getNodeContext())
          .setNodeId(newNodeId(name)).setBrowseName(newQualifiedName(name))
          .setDisplayName(LocalizedText.english(name)).setDataType(type)
          .setTypeDefinition(NodeIds.BaseDataVariableType)
          .setAccessLevel(AccessLevel.READ_ONLY).setUserAccessLevel(AccessLevel.READ_ONLY)
          .build();
      node.setValue(new DataValue(new Variant(value)));
      getNodeManager().addNode(node);
      folder.addOrganizes(node);
      if (name.startsWith("N")) nodes.add(node);
    }

    public void onDataItemsCreated(List<DataItem> items) { subscriptions.onDataItemsCreated(items); }
    public void onDataItemsModified(List<DataItem> items) { subscriptions.onDataItemsModified(items); }
    public void onDataItemsDeleted(List<DataItem> items) { subscriptions.onDataItemsDeleted(items); }
    public void onMonitoringModeChanged(List<MonitoredItem> items) {
      subscriptions.onMonitoringModeChanged(items);
    }
  }

  public static void main(String[] args) throws Exception {
    settings = args[0];
    int port = (int) number(settings, "port", 4840);
    var endpoint = EndpointConfig.newBuilder().setBindAddress("127.0.0.1").setBindPort(port)
        .setHostname("127.0.0.1").setPath("/milo").setSecurityPolicy(SecurityPolicy.None)
        .setSecurityMode(MessageSecurityMode.None)
        .addTokenPolicies(OpcUaServerConfig.USER_TOKEN_POLICY_ANONYMOUS).build();
    var config = OpcUaServerConfig.builder().setApplicationName(LocalizedText.english("Plant server"))
        .setApplicationUri("urn:plant:server").setEndpoints(Set.of(endpoint)).setLimits(new Limits())
        .setCertificateManager(new DefaultCertificateManager(new MemoryCertificateQuarantine())).build();
    var server = new OpcUaServer(config,
        profile -> new OpcTcpServerTransport(OpcTcpServerTransportConfig.newBuilder().build()));
    for (int i = 0; i < number(settings, "otherNamespaces", 0); i++) {
      server.getNamespaceTable().add("urn:other:" + i);
    }
    var plant = new Plant(server);
    plant.startup();
    server.startup().get();
    System.out.println("{\"up\":true,\"namespace\":" + plant.getNamespaceIndex() + "}");
    var commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = commands.readLine()) != null; ) {
      // {"from": n, "us": t}: one value of each node, n + i, at t + i microseconds since 1970.
      long from = number(line, "from", 0);
      long us = number(line, "us", 0);
      for (int i = 0; i < plant.nodes.size(); i++) {
        var time = new DateTime((us + i) * 10 + 116444736000000000L);
        plant.nodes.get(i).setValue(
            new DataValue(new Variant((double) (from + i)), StatusCode.GOOD, time, DateTime.now()));
      }
      System.out.println("{\"done\":true}");
    }
    System.exit(0);
  }
}
