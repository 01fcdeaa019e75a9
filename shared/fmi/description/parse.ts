import { TwinError } from '../../core/index.js';
import type { ModelDescription } from './model-description.js';
import { parseFmi1 } from './parse-fmi1.js';
import { parseFmi2 } from './parse-fmi2.js';
import { parseFmi3 } from './parse-fmi3.js';
import { DEFAULT_XML_LIMITS, parseXml, type XmlLimits } from './xml.js';
import { AttributeReader, type DescriptionProblem, quote } from './xml-attributes.js';

/**
 * Reads a modelDescription.xml as far as it goes and says what is wrong with it.
 *
 * @param source what to call the file in messages
 * @returns the description, and every fault of syntax found in it with its line
 * @throws TwinError `FMU_INVALID` when it is no XML or no description at all, `FMU_UNSUPPORTED` for
 *   an FMI version other than 1.0, 2.0 and 3.0
 */
export function readModelDescription(
  xml: Uint8Array,
  source = 'modelDescription.xml',
  limits: XmlLimits = DEFAULT_XML_LIMITS,
): { modelDescription: ModelDescription; problems: DescriptionProblem[] } {
  const root = parseXml(xml, source, limits);
  if (root.name !== 'fmiModelDescription') {
    throw new TwinError(
      'FMU_INVALID',
      `${source}:${root.line}: the root element is <${root.name.slice(0, 80)}>; expected <fmiModelDescription>.`,
    );
  }
  const version = root.attributes.get('fmiVersion') ?? '';
  const reader = new AttributeReader();
  if (version === '1.0')
    return { modelDescription: parseFmi1(reader, root), problems: reader.problems };
  if (version === '2.0')
    return { modelDescription: parseFmi2(reader, root), problems: reader.problems };
  // 3.0, 3.0.1, …: a minor version would be 3.1.
  if (/^3\.0(\.\d+)?(-.*)?$/.test(version)) {
    return { modelDescription: parseFmi3(reader, root), problems: reader.problems };
  }
  throw new TwinError(
    'FMU_UNSUPPORTED',
    `${source}:${root.line}: fmiVersion is ${quote(version)}; FMI 1.0, 2.0 and 3.0 are supported. Export the model in one of them.`,
  );
}
