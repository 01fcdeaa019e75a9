/** One policy of a component's `accessControl`. */
interface Policy {
  operations?: unknown;
  resources?: unknown;
}

/** Whether a resource pattern covers a topic: `*` stands for any text. */
function covers(pattern: string, topic: string): boolean {
  const text = pattern
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${text}$`).test(topic);
}

/**
 * Whether a component's configuration allows an operation on a topic.
 *
 * @param service e.g. `aws.greengrass.ipc.pubsub`
 * @param operation e.g. `aws.greengrass#PublishToTopic`
 */
export function isAllowed(
  configuration: Record<string, unknown>,
  service: string,
  operation: string,
  topic: string,
): boolean {
  const control = configuration.accessControl as Record<string, unknown> | undefined;
  const policies = (control?.[service] ?? {}) as Record<string, Policy>;
  return Object.values(policies).some((policy) => {
    const operations = Array.isArray(policy.operations) ? policy.operations.map(String) : [];
    const resources = Array.isArray(policy.resources) ? policy.resources.map(String) : [];
    return (
      operations.some((o) => o === '*' || o === operation) &&
      resources.some((r) => covers(r, topic))
    );
  });
}
