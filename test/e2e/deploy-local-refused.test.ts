import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { deployLocally, startRehearsal } from '../../simulators/cloudformation/index.js';

const folders: string[] = [];
async function newFolder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'twinloop-refused-'));
  folders.push(made);
  return made;
}
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true, force: true });
});

describe('a cloud assembly that cannot be deployed', () => {
  async function write(template: object): Promise<string> {
    const directory = join(await newFolder(), 'cdk.out');
    await mkdir(directory);
    const artifacts = {
      s: { type: 'aws:cloudformation:stack', properties: { templateFile: 's.json' } },
    };
    await writeFile(join(directory, 'manifest.json'), JSON.stringify({ artifacts }));
    await writeFile(join(directory, 's.json'), JSON.stringify(template));
    return directory;
  }
  const queue = (extra: object = {}) => ({ Type: 'AWS::SQS::Queue', ...extra });

  it.each([
    [
      'resources that nobody knows, all of them',
      { A: { Type: 'AWS::Braket::Device' }, B: queue(), C: { Type: 'Custom::Own' } },
      /s\/A \(AWS::Braket::Device\), s\/C \(Custom::Own\)\. Nothing was deployed; .*--ignore/,
    ],
    [
      'references in a circle',
      {
        A: queue({ Properties: { x: { Ref: 'B' } } }),
        B: queue({ Properties: { x: { 'Fn::Sub': `\${C.Arn}` } } }),
        C: queue({ DependsOn: 'A' }),
      },
      /in a circle: A → B → C → A/,
    ],
    [
      'a reference to nothing',
      { A: queue({ Properties: { x: { 'Fn::GetAtt': ['Gone', 'Arn'] } } }) },
      /s\/A \(AWS::SQS::Queue\): s refers to Gone.Arn, which is not there/,
    ],
    [
      'an import of nothing',
      { A: queue({ Properties: { x: { 'Fn::ImportValue': 'other:x' } } }) },
      /the export other:x/,
    ],
    [
      'functions that nobody knows',
      { A: queue({ Properties: { x: { 'Fn::Transform': {} } } }) },
      /function Fn::Transform is not known/,
    ],
  ])('is refused: %s', async (_, Resources, reason) => {
    const directory = await write({ Resources });
    await expect(deployLocally(directory, { dataDir: await newFolder() })).rejects.toThrow(reason);
  });

  it('passes over what the user says', async () => {
    const directory = await write({ Resources: { A: { Type: 'Custom::Own' }, B: queue() } });
    const report = await deployLocally(directory, {
      dataDir: await newFolder(),
      ignore: ['Custom::Own'],
    });
    expect(report.ignored).toEqual({ 'Custom::Own': 1 });
  });

  it('is not there, or is none', async () => {
    const dataDir = await newFolder();
    await expect(deployLocally(join(dataDir, 'none'), { dataDir })).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
    await expect(startRehearsal({ dataDir })).rejects.toThrow(/Nothing is deployed/);
    const directory = await write({});
    await expect(deployLocally(directory, { dataDir })).rejects.toThrow(/no Resources/);
  });
});
