import { IoTSiteWiseClient, type IoTSiteWiseClientConfig } from '@aws-sdk/client-iotsitewise';
import { TwinError } from '../core/index.js';

/** Keys that sign requests; a session token goes with temporary ones. */
export interface SiteWiseCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Where SiteWise is and how to get in; everything left out comes from the AWS SDK's own chain. */
export interface SiteWiseClientOptions {
  /** e.g. `https://127.0.0.1:8443`; left out, the AWS endpoint of the region. */
  endpoint?: string;
  /** Left out: the SDK's chain; for an endpoint of one's own AWS_REGION, or {@link ANY_REGION}. */
  region?: string;
  /** Keys, or a function that gives them and is asked again when they expire. */
  credentials?: SiteWiseCredentials | NonNullable<IoTSiteWiseClientConfig['credentials']>;
  /** PEM certificate(s) to trust beside no others: for an endpoint with a certificate of its own. */
  ca?: string;
  /** Attempts of the SDK per request, for faults of the network and throttling; default 3. */
  maxAttempts?: number;
  /** Longest wait for an answer, milliseconds; default 30000. */
  requestTimeoutMs?: number;
  /** Connections at a time; default 50. */
  maxSockets?: number;
}

/** What requests to an endpoint of one's own are signed for where no region is named. */
const ANY_REGION = 'us-east-1';

/**
 * The SDK's client for IoT SiteWise. A region that is named nowhere is told at the first request, as
 * TwinError `USAGE`. With an endpoint of one's own the SDK would still put `api.`
 * or `data.` before the host, which no local name resolves; here it does not.
 *
 * @see https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/client/iotsitewise/
 */
export function createSiteWiseClient(options: SiteWiseClientOptions = {}): IoTSiteWiseClient {
  const ownRegion =
    options.endpoint === undefined
      ? undefined
      : (process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? ANY_REGION);
  const region = options.region ?? ownRegion;
  const agent = { keepAlive: true, maxSockets: options.maxSockets ?? 50 };
  const client = new IoTSiteWiseClient({
    ...(region === undefined ? {} : { region }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    ...(options.endpoint === undefined
      ? {}
      : { endpoint: options.endpoint, disableHostPrefix: true }),
    maxAttempts: options.maxAttempts ?? 3,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: options.ca === undefined ? agent : { ...agent, ca: options.ca },
    },
  });
  const fromChain = client.config.region;
  client.config.region = () =>
    fromChain().catch((cause: unknown) => {
      throw new TwinError('USAGE', 'No AWS region is named: give --region or set AWS_REGION.', {
        cause,
      });
    });
  // The SDK prepares every request and answer for a log that nobody asked for: a tenth of its time.
  client.middlewareStack.remove('loggerMiddleware');
  return client;
}
