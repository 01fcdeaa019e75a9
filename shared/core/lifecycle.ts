/** Something that was started and can be stopped, once or more often, with the same effect. */
export interface Closeable {
  close(): Promise<void>;
}

/** Closes in reverse order of starting; every one gets its turn, the first fault is thrown at the end. */
export async function closeAll(closeables: readonly Closeable[]): Promise<void> {
  let fault: unknown;
  let failed = false;
  for (const closeable of [...closeables].reverse()) {
    try {
      await closeable.close();
    } catch (error) {
      if (!failed) fault = error;
      failed = true;
    }
  }
  if (failed) throw fault;
}
