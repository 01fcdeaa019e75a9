import { z } from 'zod';
import {
  brokerAccess,
  brokerClientId,
  brokerUrl,
  signalFields,
  sourceFields,
} from './edge-source-fields.js';

/** The broker that a source reads from, and as whom. */
const brokerFields = {
  url: brokerUrl.describe('Broker, e.g. `mqtt://192.168.1.30:1883`.'),
  clientId: brokerClientId.describe(
    'Client id, by which a broker knows us and keeps messages; default: of host and source.',
  ),
  maxPayloadBytes: z
    .int()
    .min(1024)
    .max(256 * 1024 * 1024)
    .default(8 * 1024 * 1024)
    .describe(
      'Longest message that is read; the values of a longer one are BAD (`payload-too-large`), and it takes no memory.',
    ),
};

/** Topics of an MQTT broker. */
export const mqtt = z.strictObject({
  ...sourceFields,
  type: z.literal('mqtt'),
  ...brokerFields,
  cleanSession: z
    .boolean()
    .default(false)
    .describe('true: the broker keeps no messages while we are away, and they are lost.'),
  ...brokerAccess,
  signals: z
    .array(
      z.strictObject({
        ...signalFields,
        topic: z.string().min(1).describe('Topic; + and # are allowed.'),
        jsonPath: z
          .string()
          .default('')
          .describe(
            'Where the value is in a JSON payload, e.g. `data.speed` or `values[0].v`; empty: the payload itself.',
          ),
        timePath: z
          .string()
          .optional()
          .describe('Where its time is: ISO 8601 text, or a number of `timeUnit` since 1970.'),
        timeUnit: z.enum(['s', 'ms', 'us', 'ns']).default('ms').describe('Unit of a numeric time.'),
      }),
    )
    .min(1, 'expected at least one signal'),
});

const topicLevel = z
  .string()
  .min(1)
  .regex(/^[^/+#]+$/, 'expected one level of a topic: no /, + and #');

/** Edge nodes of Sparkplug B. */
export const sparkplug = z.strictObject({
  ...sourceFields,
  type: z.literal('sparkplug'),
  ...brokerFields,
  ...brokerAccess,
  group: topicLevel.describe('Group id of the edge nodes.'),
  hostId: topicLevel
    .optional()
    .describe(
      'Announces us as this primary host application (STATE), for edge nodes that wait for one; left out: not announced.',
    ),
  rebirth: z
    .boolean()
    .default(true)
    .describe(
      'Ask an edge node for its births (NCMD `Node Control/Rebirth`) at the start and after a gap in its sequence; without, values are BAD until it is born of itself.',
    ),
  birthDeadlineS: z
    .number()
    .min(0.1)
    .max(86_400)
    .default(30)
    .describe(
      'An edge node or device that is not born within so many seconds makes the component unhealthy, which names it; it is asked again as often.',
    ),
  signals: z
    .array(
      z.strictObject({
        ...signalFields,
        node: topicLevel.describe('Id of the edge node.'),
        device: topicLevel.optional().describe('Id of its device; left out: the node itself.'),
        metric: z.string().min(1).describe('Name of the metric, e.g. `Line/Speed`.'),
      }),
    )
    .min(1, 'expected at least one signal'),
});
