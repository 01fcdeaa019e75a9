import type { Operation } from '../api/schema.js';

/** An operation that a path leads to, with its path labels as they were sent. */
export interface Route<Name extends string> {
  operation: Operation<Name>;
  labels: Record<string, string>;
}

interface Node<Name extends string> {
  children: Map<string, Node<Name>>;
  label: Node<Name> | undefined;
  operations: Map<string, { operation: Operation<Name>; labels: string[] }>;
}

const newNode = <Name extends string>(): Node<Name> => ({
  children: new Map(),
  label: undefined,
  operations: new Map(),
});

function buildTree<Name extends string>(operations: Iterable<Operation<Name>>): Node<Name> {
  const root = newNode<Name>();
  for (const operation of operations) {
    let node = root;
    const labels: string[] = [];
    for (const segment of operation.path.split('/').filter((s) => s !== '')) {
      const label = /^\{(\w+)\+?\}$/.exec(segment)?.[1];
      if (label === undefined) {
        const child: Node<Name> = node.children.get(segment) ?? newNode<Name>();
        node.children.set(segment, child);
        node = child;
      } else {
        labels.push(label);
        node.label ??= newNode<Name>();
        node = node.label;
      }
    }
    node.operations.set(operation.method, { operation, labels });
  }
  return root;
}

/** The node that the segments lead to, literal names first; `values` are its labels. */
function find<Name extends string>(
  node: Node<Name>,
  segments: readonly string[],
  i: number,
  values: string[],
): Node<Name> | undefined {
  const segment = segments[i];
  if (segment === undefined) return node.operations.size > 0 ? node : undefined;
  const child = node.children.get(segment);
  const literal = child === undefined ? undefined : find(child, segments, i + 1, values);
  if (literal !== undefined || node.label === undefined) return literal;
  values.push(segment);
  const found = find(node.label, segments, i + 1, values);
  if (found === undefined) values.pop();
  return found;
}

/** Leads from a method and path to an operation. */
export type Router<Name extends string> = (method: string, path: string) => Route<Name> | undefined;

/**
 * A router to some operations. One trailing slash more or less makes no difference; `.` and `..` are
 * segments like any other: nothing here is a file. It gives undefined where there is no operation, or
 * where a label is not proper percent-encoding.
 */
export function createRouter<Name extends string>(
  operations: Iterable<Operation<Name>>,
): Router<Name> {
  const tree = buildTree(operations);
  return (method, path) => {
    const trimmed = path.replace(/^\//, '').replace(/\/$/, '');
    const segments = trimmed === '' ? [] : trimmed.split('/');
    const values: string[] = [];
    const found = find(tree, segments, 0, values)?.operations.get(method);
    if (found === undefined || found.labels.length !== values.length) return undefined;
    const labels: Record<string, string> = {};
    try {
      found.labels.forEach((label, i) => {
        labels[label] = decodeURIComponent(values[i] ?? '');
      });
    } catch {
      return undefined;
    }
    return { operation: found.operation, labels };
  };
}
