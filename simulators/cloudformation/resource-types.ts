import type { FileAsset } from './assembly.js';

/** Whose account and where: as the stand-ins have it. */
export const ACCOUNT = { id: '123456789012', region: 'us-east-1' } as const;

/** A resource that was made: what others refer to. */
export interface Made {
  /** What `Ref` gives. */
  id: string;
  /** What `Fn::GetAtt` gives; others follow from the type. */
  attributes: Record<string, unknown>;
}

/** What a resource is made from. */
export interface Wanted {
  stack: string;
  logicalId: string;
  type: string;
  properties: Record<string, unknown>;
  /** Assets of the stack by the key of their object. */
  files: ReadonlyMap<string, FileAsset>;
}

/** How resources of one type are made in the stand-ins. */
export interface ResourceType {
  create(wanted: Wanted): Promise<Made>;
  /**
   * Changes what is there; left out, or where it returns undefined, the resource is made anew and
   * the old one removed.
   */
  update?(made: Made, wanted: Wanted, before: Record<string, unknown>): Promise<Made | undefined>;
  delete(made: Made): Promise<void>;
}

/** Types that no stand-in has a use for: kept and referred to, and nothing else. */
const DESCRIBED = [
  'AWS::CDK::Metadata',
  'AWS::Chatbot::MicrosoftTeamsChannelConfiguration',
  'AWS::Chatbot::SlackChannelConfiguration',
  'AWS::CloudWatch::Alarm',
  'AWS::CloudWatch::Dashboard',
  'AWS::EC2::EIP',
  'AWS::EC2::FlowLog',
  'AWS::EC2::InternetGateway',
  'AWS::EC2::LaunchTemplate',
  'AWS::EC2::NatGateway',
  'AWS::EC2::Route',
  'AWS::EC2::RouteTable',
  'AWS::EC2::SecurityGroup',
  'AWS::EC2::Subnet',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPC',
  'AWS::EC2::VPCGatewayAttachment',
  'AWS::Events::Rule',
  'AWS::Grafana::Workspace',
  'AWS::GreengrassV2::ComponentVersion',
  'AWS::GreengrassV2::Deployment',
  'AWS::IAM::InstanceProfile',
  'AWS::IoT::Policy',
  'AWS::IoT::RoleAlias',
  'AWS::IoT::ThingGroup',
  'AWS::IoTSiteWise::Gateway',
  'AWS::Lambda::Function',
  'AWS::Lambda::LayerVersion',
  'AWS::Logs::LogGroup',
  'AWS::Logs::ResourcePolicy',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::Subscription',
  'AWS::SNS::Topic',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'Custom::S3AutoDeleteObjects',
] as const;
/** Types that the rehearsal itself reads: who may do what, and which job runs when. */
const READ = [
  'AWS::Batch::ComputeEnvironment',
  'AWS::Batch::JobDefinition',
  'AWS::Batch::JobQueue',
  'AWS::IAM::ManagedPolicy',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::KMS::Key',
  'AWS::Scheduler::Schedule',
] as const;

/** Every type that needs no stand-in. */
export const PLAIN_TYPES: readonly string[] = [...DESCRIBED, ...READ];

/** Those of {@link PLAIN_TYPES} that nothing is done with, for the report. */
export const isDescribedOnly = (type: string) => (DESCRIBED as readonly string[]).includes(type);

/** `Ref` gives the ARN of these. */
const REF_IS_ARN = new Set([
  'AWS::Batch::ComputeEnvironment',
  'AWS::Batch::JobDefinition',
  'AWS::Batch::JobQueue',
  'AWS::IAM::ManagedPolicy',
  'AWS::SNS::Topic',
]);
/** Which property names a resource of a type. */
const NAMES: Readonly<Record<string, string>> = {
  'AWS::IAM::Role': 'RoleName',
  'AWS::IoTTwinMaker::Workspace': 'WorkspaceId',
  'AWS::Logs::LogGroup': 'LogGroupName',
  'AWS::S3::Bucket': 'BucketName',
};

/** A resource's ARN as its service would write it, as far as others tell by it. */
export function arnOf(type: string, name: string): string {
  const [, service = '', kind = ''] = type.split('::');
  const at = `${ACCOUNT.region}:${ACCOUNT.id}`;
  switch (type) {
    case 'AWS::S3::Bucket':
      return `arn:aws:s3:::${name}`;
    case 'AWS::IAM::Role':
      return `arn:aws:iam::${ACCOUNT.id}:role/${name}`;
    case 'AWS::SQS::Queue':
      return `arn:aws:sqs:${at}:${name}`;
    case 'AWS::SNS::Topic':
      return `arn:aws:sns:${at}:${name}`;
    case 'AWS::Batch::JobDefinition':
      return `arn:aws:batch:${at}:job-definition/${name}:1`;
    case 'AWS::Logs::LogGroup':
      return `arn:aws:logs:${at}:log-group:${name}:*`;
    default: {
      const words = kind.replace(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
      return `arn:aws:${service.toLowerCase()}:${at}:${words}/${name}`;
    }
  }
}

/** The name that a resource has or gets. */
export function nameOf({ stack, logicalId, type, properties }: Wanted): string {
  const given = properties[NAMES[type] ?? ''];
  if (typeof given === 'string') return given;
  const name = `${stack}-${logicalId}`;
  return type === 'AWS::S3::Bucket' ? name.toLowerCase().slice(0, 63) : name;
}

/** Resources that are kept, and referred to by ids and ARNs that look like their service's. */
export function plainType(): ResourceType {
  const made = (wanted: Wanted): Made => {
    const name = nameOf(wanted);
    const arn = arnOf(wanted.type, name);
    return { id: REF_IS_ARN.has(wanted.type) ? arn : name, attributes: { Arn: arn, Name: name } };
  };
  return {
    create: async (wanted) => made(wanted),
    update: async (_, wanted) => made(wanted),
    delete: async () => {},
  };
}

/** An attribute of a resource: what its type said, or what its name makes likely. */
export function attributeOf(type: string, made: Made, name: string): unknown {
  if (Object.hasOwn(made.attributes, name)) return made.attributes[name];
  const { Arn } = made.attributes;
  if (name.endsWith('Arn') && typeof Arn === 'string') return Arn;
  if (type === 'AWS::EC2::Subnet' && name === 'AvailabilityZone') return `${ACCOUNT.region}a`;
  return name.endsWith('Id') ? made.id : `${made.id}.${name}`;
}
