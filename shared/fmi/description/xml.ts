import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { messageOf, TwinError } from '../../core/index.js';

/** An XML element with the line it begins on. */
export interface XmlElement {
  name: string;
  attributes: ReadonlyMap<string, string>;
  children: readonly XmlElement[];
  /** 1-based line in the file. */
  line: number;
}

/** What an XML file may grow to before it is refused. */
export interface XmlLimits {
  /** Size of the whole file, bytes. */
  maxBytes: number;
  /** Depth of nested elements. */
  maxDepth: number;
  /** Length of one tag with all its attributes, characters. */
  maxTagLength: number;
}

/** Generous for real FMUs: the largest descriptions seen in practice have some 100 MB. */
export const DEFAULT_XML_LIMITS: XmlLimits = {
  maxBytes: 256 * 1024 * 1024,
  maxDepth: 64,
  maxTagLength: 4 * 1024 * 1024,
};

const PREDEFINED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

/** Replaces the five predefined entities and character references; there are no others. */
function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|[A-Za-z]+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return PREDEFINED[name] ?? whole;
    const code = name.startsWith('#x')
      ? Number.parseInt(name.slice(2), 16)
      : Number.parseInt(name.slice(1), 10);
    const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : whole;
  });
}

/** Bytes to text, by the byte order mark or the declared encoding. */
function decodeText(bytes: Uint8Array, source: string): string {
  const head = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  let encoding = 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) encoding = 'utf-16le';
  else if (bytes[0] === 0xfe && bytes[1] === 0xff) encoding = 'utf-16be';
  else encoding = /^[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["']/.exec(head)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    throw new TwinError(
      'FMU_INVALID',
      `${source} is not readable as ${encoding} text: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/**
 * Refuses before parsing what a parser should never see: document types (and with them entities),
 * and tags of absurd length. Comments, CDATA and quoted values are stepped over.
 */
function screen(text: string, source: string, limits: XmlLimits): void {
  let i = text.indexOf('<');
  const refuse = (what: string) =>
    new TwinError('FMU_INVALID', `${source}:${lineAt(text, i)}: ${what}`);
  while (i >= 0) {
    let end: number;
    if (text.startsWith('<!--', i)) end = text.indexOf('-->', i + 4);
    else if (text.startsWith('<![CDATA[', i)) end = text.indexOf(']]>', i + 9);
    else if (text.startsWith('<?', i)) end = text.indexOf('?>', i + 2);
    else if (text.startsWith('<!', i)) {
      throw refuse('a document type or entity declaration: FMI files have none; remove it.');
    } else {
      end = endOfTag(text, i + 1);
      if (end - i > limits.maxTagLength) {
        throw refuse(`a tag of more than ${limits.maxTagLength} characters.`);
      }
    }
    if (end < 0) throw refuse('markup that is never closed.');
    i = text.indexOf('<', end);
  }
}

function endOfTag(text: string, from: number): number {
  let i = from;
  for (;;) {
    const close = text.indexOf('>', i);
    if (close < 0) return -1;
    // A quote that opens before this '>' and closes behind it makes the '>' a part of a value.
    let quote = -1;
    for (let k = i; k < close; k++) {
      const c = text.charCodeAt(k);
      if (c === 34 || c === 39) {
        quote = k;
        break;
      }
    }
    if (quote < 0) return close;
    const end = text.indexOf(text[quote] as string, quote + 1);
    if (end < 0) return -1;
    i = end + 1;
  }
}

function lineAt(text: string, index: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < index; i = text.indexOf('\n', i + 1)) line++;
  return line;
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false,
  captureMetaData: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  jPath: false,
  maxNestedTags: 1000,
});
const META = XMLParser.getMetaDataSymbol() as unknown as symbol;

/**
 * Parses an XML file that nobody vouches for: no document types, no entities but the predefined
 * ones, bounded size, depth and tag length.
 *
 * @param source what to call the file in messages, e.g. `modelDescription.xml`
 * @returns the root element
 * @throws TwinError `FMU_INVALID` with the line of the fault
 */
export function parseXml(
  bytes: Uint8Array,
  source: string,
  limits: XmlLimits = DEFAULT_XML_LIMITS,
): XmlElement {
  if (bytes.length > limits.maxBytes) {
    throw new TwinError(
      'FMU_INVALID',
      `${source} has ${bytes.length} bytes; at most ${limits.maxBytes} are read.`,
    );
  }
  const text = decodeText(bytes, source);
  screen(text, source, limits);
  let roots: RawNode[];
  try {
    const checked = XMLValidator.validate(text);
    if (checked !== true) {
      throw new TwinError(
        'FMU_INVALID',
        `${source}:${checked.err.line}: not well-formed XML: ${checked.err.msg.slice(0, 300)}`,
      );
    }
    roots = parser.parse(text) as RawNode[];
  } catch (error) {
    if (error instanceof TwinError) throw error;
    throw new TwinError(
      'FMU_INVALID',
      `${source} is not readable as XML: ${messageOf(error).slice(0, 300)}`,
      { cause: error },
    );
  }
  const toLine = lineCounter(text);
  const elements = roots.flatMap((node) => toElement(node, toLine, source, limits, 1));
  const [root] = elements;
  if (root === undefined || elements.length > 1) {
    throw new TwinError(
      'FMU_INVALID',
      `${source} has ${elements.length} root elements; expected one.`,
    );
  }
  return root;
}

type RawNode = Record<string | symbol, unknown>;

/** Lines of ascending positions, counted once over the whole text. */
function lineCounter(text: string): (index: number) => number {
  let line = 1;
  let at = 0;
  return (index) => {
    for (let i = text.indexOf('\n', at); i >= 0 && i < index; i = text.indexOf('\n', at)) {
      line++;
      at = i + 1;
    }
    return line;
  };
}

function toElement(
  node: RawNode,
  toLine: (index: number) => number,
  source: string,
  limits: XmlLimits,
  depth: number,
): XmlElement[] {
  const name = Object.keys(node).find((key) => key !== ':@');
  if (name === undefined || name === '#text') return [];
  const line = toLine((node[META] as { startIndex: number } | undefined)?.startIndex ?? 0);
  if (depth > limits.maxDepth) {
    throw new TwinError(
      'FMU_INVALID',
      `${source}:${line}: elements nested deeper than ${limits.maxDepth}.`,
    );
  }
  const attributes = new Map<string, string>();
  for (const [key, value] of Object.entries((node[':@'] as Record<string, string>) ?? {})) {
    // Attribute values are normalised as XML demands: line ends and tabs count as spaces.
    attributes.set(key, decodeEntities(String(value).replace(/[\t\n\r]/g, ' ')));
  }
  const children = (node[name] as RawNode[]).flatMap((child) =>
    toElement(child, toLine, source, limits, depth + 1),
  );
  return [{ name, attributes, children, line }];
}
