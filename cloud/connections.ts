import { createSiteWiseClient } from '../shared/sitewise/index.js';
import { type ObjectStore, openStore } from '../shared/store/index.js';

/** Where the far ends are, as options of a command give it. */
export interface Whereabouts {
  endpoint?: string | undefined;
  region?: string | undefined;
}

function regionOf({ region }: Whereabouts, env: NodeJS.ProcessEnv): { region?: string } {
  const found = region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION;
  return found === undefined ? {} : { region: found };
}

/** SiteWise's endpoint where it is not AWS's: the option, or TWINLOOP_SITEWISE_ENDPOINT. */
export function ownEndpoint(at: Whereabouts, env: NodeJS.ProcessEnv): string | undefined {
  const endpoint = at.endpoint ?? env.TWINLOOP_SITEWISE_ENDPOINT;
  return endpoint === '' ? undefined : endpoint;
}

/** The client for SiteWise, with the keys of the AWS SDK's own chain. */
export function connectSiteWise(at: Whereabouts, env: NodeJS.ProcessEnv) {
  const endpoint = ownEndpoint(at, env);
  return createSiteWiseClient({
    ...regionOf(at, env),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}

/** A folder or `s3://…`, also on a compatible server (TWINLOOP_S3_ENDPOINT). @throws TwinError */
export function connectStore(
  location: string,
  at: Whereabouts,
  env: NodeJS.ProcessEnv,
): ObjectStore {
  const endpoint = env.TWINLOOP_S3_ENDPOINT;
  return openStore(location, {
    ...regionOf(at, env),
    ...(endpoint === undefined || endpoint === '' ? {} : { endpoint }),
  });
}
