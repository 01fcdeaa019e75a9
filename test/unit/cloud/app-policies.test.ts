import { describe, expect, test } from 'vitest';
import { OPERATIONS } from '../../../cloud/deploy/permissions/operations.js';
import { latestKey, reportKey, stateKey } from '../../../cloud/index.js';
import { quarantineKey } from '../../../cloud/worker/quarantine.js';

import { grantsOf, resourcesOf, type Statement, variants } from '../../support/deployed-app.js';

const EMPTIER = ['s3:DeleteObject*', 's3:GetBucket*', 's3:List*', 's3:PutBucketPolicy'];
/** What every role and every policy of a resource is to allow; what is not here must not be. */
const DECLARED: Record<string, readonly string[]> = {
  JobRole: Object.values(OPERATIONS.worker).flat(),
  ExecutionRole: Object.values(OPERATIONS.launcher).flat(),
  FlowLogRole: OPERATIONS.flowLog.logs,
  FailedJobsLogPolicy: OPERATIONS.failedJobs.logs,
  SchedulerRole: Object.values(OPERATIONS.scheduler).flat(),
  UploadsRole: Object.values(OPERATIONS.uploads).flat(),
  TokenExchangeRole: Object.values(OPERATIONS.edge).flat(),
  GatewayPolicy: ['iot:AssumeRoleWithCertificate'],
  GrafanaRole: Object.values(OPERATIONS.grafana).flat(),
  TwinMakerRole: Object.values(OPERATIONS.twinMaker).flat(),
  SceneViewerRole: Object.values(OPERATIONS.sceneViewer).flat(),
  CustomS3AutoDeleteObjectsCustomResourceProviderRole: OPERATIONS.emptier.logs,
  // The account's administrators, without whom a key could be lost for good; and two services.
  Key: ['kms:*', ...OPERATIONS.logEncryption.key, ...OPERATIONS.alarms.key],
  // The library's function that empties the bucket of a trial.
  BucketPolicy: EMPTIER,
  // Beside it the service that writes the bucket's access log.
  AccessLogPolicy: [...EMPTIER, 's3:PutObject'],
};
const WITHOUT_RESOURCE: readonly string[] = [
  ...OPERATIONS.grafana.siteWiseLists,
  ...OPERATIONS.launcher.login,
];
/** Documented for these neither `aws:SourceAccount` nor `aws:SourceArn` when they assume a role. */
const TRUSTED_AS_THEY_ARE = [
  'lambda.amazonaws.com',
  'credentials.iot.amazonaws.com',
  'ec2.amazonaws.com',
];

describe.each([...variants])('policies, %s', (_name, made) => {
  const templates = [...made.values()];
  const grants = grantsOf(templates);

  test('allow nothing that is not declared', () => {
    for (const { owner, statement } of grants) {
      for (const action of [statement.Action].flat()) {
        expect([owner, DECLARED[owner] ?? 'nobody declared it']).toEqual([
          owner,
          expect.arrayContaining([action]),
        ]);
      }
    }
  });

  test('allow the worker every place in the store that it writes', () => {
    const resources = JSON.stringify(
      grants.filter((g) => g.owner === 'JobRole').map((g) => g.statement.Resource),
    );
    const written = [
      stateKey('f', 'a'),
      latestKey('f', 'a'),
      reportKey({ fleet: 'f', startedAt: '2026-01-31T12:00:00Z', runId: 'r' }),
      quarantineKey('f', 'a', 1n),
      'versions/twin/0/twin.json',
    ];
    for (const key of written) expect(resources).toContain(`/${key.split('/')[0]}/*`);
  });

  test('allow all that the parts use', () => {
    const has = (owner: string) =>
      new Set(grants.filter((g) => g.owner === owner).flatMap((g) => g.statement.Action));
    for (const owner of [
      'JobRole',
      'ExecutionRole',
      'SchedulerRole',
      'UploadsRole',
      'GrafanaRole',
      'TwinMakerRole',
      'SceneViewerRole',
    ]) {
      expect([owner, [...has(owner)].sort()]).toEqual([
        owner,
        [...new Set(DECLARED[owner])].sort(),
      ]);
    }
  });

  test('have no wildcard for an action, and one for a resource only where there is no other way', () => {
    for (const { owner, type, statement } of grants) {
      const actions = [statement.Action].flat();
      if (type !== 'AWS::KMS::Key' && type !== 'AWS::S3::BucketPolicy') {
        for (const action of actions)
          expect([owner, action]).not.toEqual([owner, expect.stringContaining('*')]);
      }
      if (statement.Resource === '*' && type !== 'AWS::KMS::Key') {
        for (const action of actions) expect(WITHOUT_RESOURCE).toContain(action);
      }
      if (type === 'AWS::S3::BucketPolicy') {
        const who = JSON.stringify(statement.Principal);
        if (who.includes('logging.s3.amazonaws.com')) {
          expect(actions).toEqual(['s3:PutObject']);
          expect(statement.Condition).toHaveProperty('StringEquals.aws:SourceAccount');
        } else expect(who).toContain('S3AutoDeleteObjects');
      }
    }
  });

  test('let services use the key for this account only', () => {
    const ofServices = grants.filter(
      (g) => g.owner === 'Key' && JSON.stringify(g.statement.Principal).includes('Service'),
    );
    // A key that is there is its owner's: the output says what its policy needs.
    const own = templates.some((t) => Object.keys(t.findResources('AWS::KMS::Key')).length > 0);
    expect(ofServices).toHaveLength(own ? 2 : 0);
    for (const { statement } of ofServices) {
      expect(statement.Condition).toBeDefined();
      expect(JSON.stringify(statement.Condition)).toContain('AWS::AccountId');
    }
  });

  test('let services assume roles for this account only', () => {
    for (const template of templates) {
      for (const [id, { Type, Properties }] of resourcesOf(template)) {
        if (Type !== 'AWS::IAM::Role') continue;
        const trust = Properties.AssumeRolePolicyDocument as { Statement: Statement[] };
        for (const { Principal, Condition } of trust.Statement) {
          const { Service, AWS } = Principal as { Service?: string; AWS?: unknown };
          if (Service === undefined) {
            // Grafana's role, which only Grafana assumes, and no other identity.
            expect([id, JSON.stringify(AWS)]).toEqual([id, expect.stringMatching(/"GrafanaRole/)]);
            continue;
          }
          if (TRUSTED_AS_THEY_ARE.some((s) => JSON.stringify(Service).includes(s))) continue;
          expect([id, Condition]).toEqual([
            id,
            { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          ]);
        }
        // The agent on container instances; AWS keeps its policy.
        const managed = JSON.stringify(Properties.ManagedPolicyArns ?? []);
        expect([id, managed.replaceAll('AmazonEC2ContainerServiceforEC2Role', '')]).toEqual([
          id,
          expect.not.stringMatching(/service-role\/[A-Za-z]|FullAccess|Administrator/),
        ]);
      }
    }
  });
});
