import { dirname, resolve } from 'node:path';
import { XMLValidator } from 'fast-xml-parser';
import type { TwinPicture } from '../../config/index.js';
import { ConfigError, type Problem, readUserFile } from '../../core/index.js';
import { modelProblems } from './model-file.js';

/** A drawing larger than this is not for a page that is sent to every browser. */
const MOST_BYTES = 1 << 20;

/**
 * A picture with the text of its SVG, or its binary glTF in base64, in place of the path.
 *
 * @param definitionPath of the file that names it
 * @throws TwinError `FILE_NOT_FOUND`; ConfigError: no SVG or glTF, too large, or without a bound element
 */
export async function withDrawing(
  picture: TwinPicture,
  definitionPath: string,
): Promise<TwinPicture> {
  if (picture.glb !== undefined) return withModel(picture, picture.glb, definitionPath);
  if (picture.svg === undefined) return picture;
  const path = resolve(dirname(resolve(definitionPath)), picture.svg);
  const bytes = await readUserFile(path, 'drawing');
  const problems: Problem[] = [];
  const text = Buffer.from(bytes).toString('utf8');
  if (bytes.length > MOST_BYTES) {
    problems.push({
      path: 'picture.svg',
      message: `found ${(bytes.length / 1e6).toFixed(1)} MB: expected at most 1 MB; leave out embedded pictures`,
    });
  } else {
    const valid = XMLValidator.validate(text);
    if (valid !== true || !/<svg[\s>]/.test(text)) {
      problems.push({
        path: 'picture.svg',
        message: `found no SVG${valid === true ? '' : ` (line ${valid.err.line}: ${valid.err.msg})`}: expected a file whose root is <svg>`,
      });
    }
    const ids = [...text.matchAll(/\sid\s*=\s*["']([^"']+)["']/g)].map(([, id]) => id!);
    picture.bind?.forEach(({ element }, i) => {
      if (ids.includes(element)) return;
      problems.push({
        path: `picture.bind[${i}].element`,
        message: `found "${element}", which no element of the drawing has as its id: it has ${ids.slice(0, 20).join(', ') || 'no ids'}${ids.length > 20 ? ', …' : ''}`,
      });
    });
  }
  if (problems.length > 0) throw new ConfigError(definitionPath, problems);
  return { ...picture, svg: text };
}

async function withModel(
  picture: TwinPicture,
  glb: string,
  definitionPath: string,
): Promise<TwinPicture> {
  const bytes = await readUserFile(resolve(dirname(resolve(definitionPath)), glb), 'model');
  const problems = await modelProblems(bytes, picture.bind ?? []);
  if (problems.length > 0) throw new ConfigError(definitionPath, problems);
  return { ...picture, glb: Buffer.from(bytes).toString('base64') };
}
