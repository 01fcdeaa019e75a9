import { ArnFormat, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnComponentVersion, CfnDeployment } from 'aws-cdk-lib/aws-greengrassv2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnPolicy, CfnRoleAlias, CfnThingGroup } from 'aws-cdk-lib/aws-iot';
import { CfnGateway } from 'aws-cdk-lib/aws-iotsitewise';
import type { Construct } from 'constructs';
import type { DeploymentConfig, FleetConfig } from '../../../shared/config/index.js';
import { ARTIFACT_PLACE, type BuiltComponent } from '../component-build.js';
import {
  acknowledgeWildcards,
  bucketWildcards,
  SITEWISE_WILDCARDS,
} from '../constructs/acknowledge.js';
import { siteWiseStatements } from '../constructs/sitewise-policy.js';
import { OPERATIONS } from '../permissions/operations.js';
import type { DataStack } from './data-stack.js';

/** Where components built here are kept in the bucket. */
const COMPONENTS = 'components';

/**
 * What gateways need: a group, the role they exchange their certificate for, the component and its
 * deployment, the SiteWise gateway.
 */
export class EdgeStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    props: StackProps & {
      config: DeploymentConfig;
      edge: NonNullable<DeploymentConfig['edge']>;
      fleet: FleetConfig;
      data: DataStack;
      /** Where it was built here. */
      component?: BuiltComponent;
    },
  ) {
    super(scope, id, props);
    const { config, edge, fleet, data, component: built } = props;
    const group = new CfnThingGroup(this, 'Gateways', { thingGroupName: edge.thingGroup });
    const role = new Role(this, 'TokenExchangeRole', {
      assumedBy: new ServicePrincipal('credentials.iot.amazonaws.com'),
      description: 'What a gateway may do',
    });
    for (const statement of siteWiseStatements(this, fleet.name, OPERATIONS.edge.siteWise)) {
      role.addToPolicy(statement);
    }
    role.addToPolicy(
      new PolicyStatement({
        actions: [...OPERATIONS.edge.logs],
        resources: [
          this.formatArn({
            service: 'logs',
            resource: 'log-group',
            resourceName: '/aws/greengrass/*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        ],
      }),
    );
    if (edge.artifactBucket !== undefined) {
      role.addToPolicy(
        new PolicyStatement({
          actions: [...OPERATIONS.edge.artifacts],
          resources: [`arn:${this.partition}:s3:::${edge.artifactBucket}/*`],
        }),
      );
    }
    if (built !== undefined) {
      role.addToPolicy(
        new PolicyStatement({
          actions: [...OPERATIONS.edge.artifacts],
          resources: [data.bucket.arnForObjects(`${COMPONENTS}/*`)],
        }),
      );
      role.addToPolicy(
        new PolicyStatement({
          actions: [...OPERATIONS.edge.key],
          resources: [data.key.keyArn],
        }),
      );
    }
    acknowledgeWildcards(role, {
      ...SITEWISE_WILDCARDS,
      'arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/greengrass/*':
        'Greengrass names its log groups by region and component.',
      [`arn:<AWS::Partition>:s3:::${edge.artifactBucket}/*`]:
        'Artifacts are named by component and version.',
      ...bucketWildcards(data.stackName, [COMPONENTS]),
    });
    const alias = new CfnRoleAlias(this, 'RoleAlias', {
      roleAlias: `${config.name}-gateway`,
      roleArn: role.roleArn,
      credentialDurationSeconds: 3600,
    });
    new CfnPolicy(this, 'GatewayPolicy', {
      policyName: `${config.name}-gateway-credentials`,
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 'iot:AssumeRoleWithCertificate',
            Resource: alias.attrRoleAliasArn,
          },
        ],
      },
    });
    if (edge.coreDevice !== undefined) {
      new CfnGateway(this, 'SiteWiseGateway', {
        gatewayName: `${config.name}-${edge.coreDevice}`,
        gatewayPlatform: { greengrassV2: { coreDeviceThingName: edge.coreDevice } },
        gatewayVersion: '3',
      });
    }
    const component = built ?? edge.component;
    if (component !== undefined && 'name' in component) {
      const deployment = new CfnDeployment(this, 'Deployment', {
        deploymentName: `${config.name}-gateways`,
        targetArn: group.attrArn,
        components: { [component.name]: { componentVersion: component.version } },
        deploymentPolicies: {
          failureHandlingPolicy: 'ROLLBACK',
          componentUpdatePolicy: { action: 'NOTIFY_COMPONENTS', timeoutInSeconds: 60 },
        },
      });
      if (built !== undefined) deployment.addResourceDependency(this.publish(built, data));
    }
  }

  /** Uploads a component's artifacts and makes a version of it. */
  private publish(built: BuiltComponent, data: DataStack): CfnComponentVersion {
    const prefix = `${COMPONENTS}/${built.name}/${built.version}`;
    data.uploads.add(prefix, built.artifacts);
    return new CfnComponentVersion(this, 'Component', {
      inlineRecipe: built.recipe.replaceAll(
        ARTIFACT_PLACE,
        data.bucket.s3UrlForObject(`${prefix}/`),
      ),
    });
  }
}
