import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Telegraf (MIT), the agent that most gateways run otherwise; as long as its binary is given. */
export function startTelegraf(path: string, folder: string, config: string): ChildProcess {
  const file = join(folder, 'telegraf.conf');
  writeFileSync(
    file,
    `[agent]
interval = "1s"
flush_interval = "200ms"
flush_jitter = "0s"
metric_batch_size = 1000
metric_buffer_limit = 1000000
omit_hostname = true
quiet = true
${config}`,
  );
  return spawn(path, ['--config', file], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Publishes each value by itself, as ours does. */
export const telegrafOutput = (url: string) => `
[[outputs.mqtt]]
servers = ["${url.replace('mqtt:', 'tcp:')}"]
topic = "out/{{ .Name }}"
qos = 1
layout = "non-batch"
data_format = "json"
`;

export const telegrafMqtt = (url: string, topic: string) => `
[[inputs.mqtt_consumer]]
servers = ["${url.replace('mqtt:', 'tcp:')}"]
topics = ["${topic}"]
qos = 1
client_id = "telegraf-bench"
persistent_session = true
max_undelivered_messages = 1000
data_format = "json"
`;

export const telegrafOpcua = (url: string, count: number) => `
[[inputs.opcua_listener]]
endpoint = "${url}"
subscription_interval = "500ms"
security_policy = "None"
security_mode = "None"
auth_method = "Anonymous"
nodes = [
${Array.from({ length: count }, (_, i) => `{name="N${i}", namespace="1", identifier_type="s", identifier="N${i}"}`).join(',\n')}
]
`;
