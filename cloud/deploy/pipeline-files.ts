import { stringify } from 'yaml';

/** Where a deployment is carried out by GitHub Actions. */
export interface PipelineOptions {
  /** `owner/name` of the repository that holds project and deployment. */
  repository: string;
  /** The deployment's file, as it is named in the repository. */
  config: string;
  accountId: string;
  regions: readonly string[];
  branch: string;
  /** GitHub's environment, whose rules (reviewers, waiting times) guard the deployment. */
  environment: string;
  /** Of the bootstrap stack. */
  qualifier: string;
}

/** Name of the role that the pipeline takes. */
const ROLE = 'twinloop-deploy';
const ISSUER = 'token.actions.githubusercontent.com';
const NODE = '22';

/** Versions of the actions, by major: pin them to commits where your rules ask for it. */
const ACTIONS = {
  checkout: 'actions/checkout@v4',
  node: 'actions/setup-node@v4',
  credentials: 'aws-actions/configure-aws-credentials@v4',
} as const;

const WORKFLOW_COMMENT = `\
# Written by \`twinloop deploy pipeline\`. A pull request is synthesized, rehearsed under the roles that it would have,
# and runs the scheduled job once; the branch is then deployed, by a role that only this environment of this
# repository can take. No keys are stored.
`;

const ROLE_COMMENT = `\
# Written by \`twinloop deploy pipeline\`. Deploy it once, in the account, by somebody who may make roles:
#   aws cloudformation deploy --template-file deploy-role.yaml --stack-name ${ROLE} --capabilities CAPABILITY_NAMED_IAM
# An account has at most one provider for GitHub: where there is one, give its ARN as ProviderArn.
`;

/**
 * A pipeline as files: the workflow, and the role that it takes by OpenID Connect.
 *
 * @returns contents by path
 */
export function pipelineFiles(options: PipelineOptions): Map<string, string> {
  const yaml = (value: object, comment: string) => comment + stringify(value, { lineWidth: 0 });
  return new Map([
    ['.github/workflows/deploy-twinloop.yaml', yaml(workflow(options), WORKFLOW_COMMENT)],
    ['deploy-role.yaml', yaml(roleTemplate(options), ROLE_COMMENT)],
  ]);
}

function workflow({ config, accountId, regions, branch, environment }: PipelineOptions): object {
  const prepare = [
    { uses: ACTIONS.checkout },
    { uses: ACTIONS.node, with: { 'node-version': NODE, cache: 'npm' } },
    { run: 'npm ci' },
  ];
  const synth = `npx cdk synth --quiet -c config=${config}`;
  return {
    name: 'Deploy Twinloop',
    on: { pull_request: {}, push: { branches: [branch] }, workflow_dispatch: {} },
    permissions: { contents: 'read' },
    jobs: {
      rehearse: {
        'runs-on': 'ubuntu-24.04',
        'timeout-minutes': 30,
        steps: [
          ...prepare,
          { name: 'Synthesize, with the checks of cdk-nag', run: synth },
          {
            name: 'Deploy into stand-ins and run the scheduled job under its role',
            run: 'npm run ready && node dist/cli.js deploy local cdk.out --run',
          },
        ],
      },
      deploy: {
        needs: 'rehearse',
        if: `github.ref == 'refs/heads/${branch}' && github.event_name != 'pull_request'`,
        'runs-on': 'ubuntu-24.04',
        'timeout-minutes': 60,
        environment,
        permissions: { contents: 'read', 'id-token': 'write' },
        // Two deployments of one stack at a time fail each other.
        concurrency: {
          group: `deploy-twinloop-\${{ matrix.region }}`,
          'cancel-in-progress': false,
        },
        strategy: { 'fail-fast': true, 'max-parallel': 1, matrix: { region: [...regions] } },
        steps: [
          ...prepare,
          {
            uses: ACTIONS.credentials,
            with: {
              'role-to-assume': `arn:aws:iam::${accountId}:role/${ROLE}`,
              'aws-region': `\${{ matrix.region }}`,
            },
          },
          {
            name: 'Deploy',
            run: `npx cdk deploy --all --require-approval never -c config=${config}`,
          },
        ],
      },
    },
  };
}

/** The role takes the bootstrap's roles and nothing else: those deploy. */
function roleTemplate(options: PipelineOptions): object {
  const { repository, environment, qualifier } = options;
  const bootstrapRole = (kind: string) => ({
    'Fn::Sub': `arn:\${AWS::Partition}:iam::\${AWS::AccountId}:role/cdk-${qualifier}-${kind}-role-\${AWS::AccountId}-*`,
  });
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: 'Lets one environment of one GitHub repository deploy by the CDK.',
    Parameters: {
      ProviderArn: {
        Type: 'String',
        Default: '',
        Description: 'ARN of the account’s OpenID Connect provider for GitHub, where it has one.',
      },
    },
    Conditions: { MakeProvider: { 'Fn::Equals': [{ Ref: 'ProviderArn' }, ''] } },
    Resources: {
      Provider: {
        Type: 'AWS::IAM::OIDCProvider',
        Condition: 'MakeProvider',
        Properties: { Url: `https://${ISSUER}`, ClientIdList: ['sts.amazonaws.com'] },
      },
      Role: {
        Type: 'AWS::IAM::Role',
        Properties: {
          RoleName: ROLE,
          Description: `Deploys Twinloop from ${repository}`,
          MaxSessionDuration: 3600,
          AssumeRolePolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Allow',
                Action: 'sts:AssumeRoleWithWebIdentity',
                Principal: {
                  Federated: {
                    'Fn::If': ['MakeProvider', { Ref: 'Provider' }, { Ref: 'ProviderArn' }],
                  },
                },
                Condition: {
                  StringEquals: {
                    [`${ISSUER}:aud`]: 'sts.amazonaws.com',
                    [`${ISSUER}:sub`]: `repo:${repository}:environment:${environment}`,
                  },
                },
              },
            ],
          },
          Policies: [
            {
              PolicyName: 'deploy',
              PolicyDocument: {
                Version: '2012-10-17',
                Statement: [
                  {
                    Effect: 'Allow',
                    Action: 'sts:AssumeRole',
                    Resource: ['deploy', 'file-publishing', 'image-publishing', 'lookup'].map(
                      bootstrapRole,
                    ),
                  },
                ],
              },
            },
          ],
        },
      },
    },
    Outputs: { RoleArn: { Value: { 'Fn::GetAtt': ['Role', 'Arn'] } } },
  };
}
