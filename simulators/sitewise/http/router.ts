import { OPERATIONS, type Operation } from '../api/schema.js';

/** An operation that a path leads to, with its path labels as they were sent. */
export interface Route {
  operation: Operation;
  labels: Record<string, string>;
}

interface Node {
  children: Map<string, Node>;
  label: Node | undefined;
  operations: Map<string, { operation: Operation; labels: string[] }>;
}

const newNode = (): Node => ({ children: new Map(), label: undefined, operations: new Map() });

function buildTree(): Node {
  const root = newNode();
  for (const operation of OPERATIONS.values()) {
    let node = root;
    const labels: string[] = [];
    for (const segment of operation.path.split('/').filter((s) => s !== '')) {
      const label = /^\{(\w+)\+?\}$/.exec(segment)?.[1];
      if (label === undefined) {
        const child = node.children.get(segment) ?? newNode();
        node.children.set(segment, child);
        node = child;
      } else {
        labels.push(label);
        node.label ??= newNode();
        node = node.label;
      }
    }
    node.operations.set(operation.method, { operation, labels });
  }
  return root;
}

const tree = buildTree();

/** The node that the segments lead to, literal names first; `values` are its labels. */
function find(
  node: Node,
  segments: readonly string[],
  i: number,
  values: string[],
): Node | undefined {
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

/**
 * The operation behind a method and path; one trailing slash more or less makes no difference. `.`
 * and `..` are segments like any other: nothing here is a file.
 *
 * @returns undefined where there is none, or where a label is not proper percent-encoding
 */
export function route(method: string, path: string): Route | undefined {
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
}
