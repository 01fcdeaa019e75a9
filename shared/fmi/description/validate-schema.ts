import { readFile } from 'node:fs/promises';
import { messageOf, packageFile } from '../../core/index.js';
import type { DescriptionProblem } from './xml-attributes.js';

/** Files above this size are not checked against the schema: the checker holds them in memory. */
const MAX_BYTES = 48 * 1024 * 1024;

/** Problems after which the rest of the same kind is left out. */
const MAX_PROBLEMS = 200;

const SECTION = {
  1: 'FMI 1.0, 2 and fmiModelDescription.xsd',
  2: 'FMI 2.0.4, 2.2 and fmi2ModelDescription.xsd',
  3: 'FMI 3.0.2, 2.4 and fmi3ModelDescription.xsd',
} as const;

/**
 * Checks a modelDescription.xml against the standard's schema: elements and attributes that it does
 * not know, their order and number, text where none may be, types of values.
 *
 * @param xml the file, read before by the strict reader: without document types and entities
 * @param major which FMI's schema
 */
export async function validateSchema(
  xml: Uint8Array,
  major: 1 | 2 | 3,
): Promise<DescriptionProblem[]> {
  const clause = SECTION[major];
  if (xml.length > MAX_BYTES) {
    return [
      {
        line: 1,
        severity: 'warning',
        message: `not checked against the schema: the file has more than ${MAX_BYTES / 2 ** 20} MB.`,
      },
    ];
  }
  const { ParseOption, XmlDocument, XsdValidator } = await import('libxml2-wasm');
  const { xmlRegisterFsInputProviders } = await import('libxml2-wasm/lib/nodejs.mjs');
  xmlRegisterFsInputProviders();
  const name = `fmi${major === 1 ? '' : major}ModelDescription.xsd`;
  const file = packageFile(`shared/fmi/schema/fmi${major}/${name}`);
  const schema = XmlDocument.fromBuffer(await readFile(file), { url: file });
  const validator = XsdValidator.fromDoc(schema);
  try {
    const document = XmlDocument.fromBuffer(xml, {
      option: ParseOption.XML_PARSE_NONET | ParseOption.XML_PARSE_HUGE,
    });
    try {
      validator.validate(document);
      return [];
    } catch (error) {
      const details = (error as { details?: { line: number; message: string }[] }).details;
      if (details === undefined) throw error;
      return details.slice(0, MAX_PROBLEMS).map(({ line, message }) => ({
        line,
        severity: 'error' as const,
        message: message.trim(),
        clause,
      }));
    } finally {
      document.dispose();
    }
  } catch (error) {
    return [
      {
        line: 1,
        severity: 'error',
        message: `not readable by the schema's checker: ${messageOf(error)}`,
        clause,
      },
    ];
  } finally {
    validator.dispose();
    schema.dispose();
  }
}
