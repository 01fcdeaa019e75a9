import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAllowed, type PolicyStatement } from '../../../simulators/cloudformation/index.js';
import {
  referencesIn,
  resolveValue,
  type Scope,
} from '../../../simulators/cloudformation/intrinsics.js';

const allow = (statement: Partial<PolicyStatement>): PolicyStatement => ({
  Effect: 'Allow',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::b/state/*',
  ...statement,
});
const read = { action: 's3:GetObject', resource: 'arn:aws:s3:::b/state/x/y' };

describe('policies', () => {
  it.each<[string, PolicyStatement[], boolean]>([
    ['nothing', [], false],
    ['the action on the resource', [allow({})], true],
    ['actions in any case', [allow({ Action: ['S3:getobject'] })], true],
    ['a pattern of actions', [allow({ Action: 's3:Get*' })], true],
    ['another action', [allow({ Action: 's3:PutObject' })], false],
    ['another prefix', [allow({ Resource: 'arn:aws:s3:::b/reports/*' })], false],
    ['the bucket alone', [allow({ Resource: 'arn:aws:s3:::b' })], false],
    ['a resource that only looks alike', [allow({ Resource: 'arn:aws:s3:::b/stat?/y' })], false],
    ['all, but for a denial', [allow({}), allow({ Effect: 'Deny', Action: 's3:*' })], false],
    ['a denial of something else', [allow({}), allow({ Effect: 'Deny', Action: 's3:Put*' })], true],
    ['all but some actions', [allow({ Action: undefined, NotAction: 's3:Put*' } as object)], true],
  ])('that have %s', (_, statements, allowed) => {
    const given = statements.map((s) => JSON.parse(JSON.stringify(s)) as PolicyStatement);
    expect(isAllowed(given, read)).toBe(allowed);
  });

  it.each<[string, PolicyStatement['Condition'], boolean]>([
    ['a tag that fits', { StringEquals: { 'aws:ResourceTag/fleet': ['x', 'example'] } }, true],
    ['a tag that does not', { StringEquals: { 'aws:ResourceTag/fleet': 'other' } }, false],
    ['a tag that is not there', { StringEquals: { 'aws:ResourceTag/plant': 'x' } }, false],
    ['a pattern', { StringLike: { 'aws:ResourceTag/fleet': 'exam*' } }, true],
    ['not another', { StringNotEquals: { 'aws:ResourceTag/fleet': 'other' } }, true],
    ['an operator that nobody knows', { DateGreaterThan: { 'aws:CurrentTime': '2020' } }, false],
    [
      'two of which one fails',
      {
        StringEquals: { 'aws:ResourceTag/fleet': 'example' },
        Bool: { 'aws:SecureTransport': 'true' },
      },
      false,
    ],
  ])('with a condition: %s', (_, Condition, allowed) => {
    const context = { 'aws:ResourceTag/fleet': 'example' };
    expect(isAllowed([allow({ Condition } as object)], { ...read, context })).toBe(allowed);
  });

  it('never allow more for a denial beside them', () => {
    const word = fc.constantFrom('s3:GetObject', 's3:PutObject', 's3:*', '*', 'kms:Decrypt');
    const statement = fc.record({
      Effect: fc.constantFrom('Allow' as const, 'Deny' as const),
      Action: word,
      Resource: fc.constantFrom('*', 'arn:aws:s3:::b/*', 'arn:aws:s3:::c/*'),
    });
    fc.assert(
      fc.property(fc.array(statement), statement, (statements, more) => {
        const without = isAllowed(statements, read);
        const together = isAllowed([...statements, more], read);
        expect(more.Effect === 'Deny' ? !together || without : together || !without).toBe(true);
      }),
    );
  });
});

describe('functions in a template', () => {
  const scope: Scope = {
    ref: (name) => `<${name}>`,
    attribute: (resource, name) => `<${resource}.${name}>`,
    importValue: (name) => `<import ${name}>`,
    condition: (name) => name === 'Yes',
  };
  it.each<[string, unknown, unknown]>([
    ['Ref', { Ref: 'A' }, '<A>'],
    ['GetAtt', { 'Fn::GetAtt': ['A', 'B.C'] }, '<A.B.C>'],
    ['GetAtt as text', { 'Fn::GetAtt': 'A.Arn' }, '<A.Arn>'],
    ['Join', { 'Fn::Join': ['-', ['x', { Ref: 'A' }, 1]] }, 'x-<A>-1'],
    ['Sub', { 'Fn::Sub': `\${A}/\${B.Arn}/\${!Literal}` }, `<A>/<B.Arn>/\${Literal}`],
    ['Sub with names', { 'Fn::Sub': [`\${x}`, { x: { Ref: 'A' } }] }, '<A>'],
    ['If', { 'Fn::If': ['Yes', 1, 2] }, 1],
    ['If without a value', { a: { 'Fn::If': ['No', 1, { Ref: 'AWS::NoValue' }] }, b: 2 }, { b: 2 }],
    ['Select and Split', { 'Fn::Select': [1, { 'Fn::Split': ['/', 'a/b/c'] }] }, 'b'],
    ['ImportValue', { 'Fn::ImportValue': 'x' }, '<import x>'],
    ['an object that only looks like one', { Ref: 'A', more: 1 }, { Ref: 'A', more: 1 }],
  ])('%s', (_, value, result) => {
    expect(resolveValue(value, scope)).toEqual(result);
  });

  it('name what they refer to', () => {
    const value = {
      a: [{ Ref: 'A' }, { 'Fn::GetAtt': ['B', 'x'] }],
      c: { 'Fn::Sub': `\${C}\${!D}` },
    };
    expect([...referencesIn(value)].sort()).toEqual(['A', 'B', 'C']);
  });
});
