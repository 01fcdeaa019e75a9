// Reads a pump from stand-ins as a web page made with iot-app-kit does. argv: folder in which the kit
// is installed, and what is where as JSON. Prints what the kit gives its components.
const { createRequire } = require('node:module');
const { join } = require('node:path');

const [folder, text] = process.argv.slice(2);
const place = JSON.parse(text);
const load = createRequire(join(folder, 'package.json'));
const { JSDOM } = load('jsdom');
const { window } = new JSDOM('', { url: 'http://localhost/' });
Object.assign(globalThis, { window, document: window.document });

const within = (name) => createRequire(load.resolve(`@iot-app-kit/${name}`));
const twinMakerKit = load('@iot-app-kit/source-iottwinmaker');
const siteWiseKit = load('@iot-app-kit/source-iotsitewise');
const common = { region: place.region, credentials: place.credentials };
const siteWiseClient = (require) =>
  new (require('@aws-sdk/client-iotsitewise').IoTSiteWiseClient)({
    ...common,
    endpoint: place.siteWise,
    disableHostPrefix: true,
  });
const ofTwinMaker = within('source-iottwinmaker');
const { IoTTwinMakerClient } = ofTwinMaker('@aws-sdk/client-iottwinmaker');
const { S3Client } = ofTwinMaker('@aws-sdk/client-s3');
const twinMaker = twinMakerKit.initialize('plant', {
  awsCredentials: place.credentials,
  awsRegion: place.region,
  iotSiteWiseClient: siteWiseClient(ofTwinMaker),
  iotTwinMakerClient: new IoTTwinMakerClient({
    ...common,
    endpoint: place.twinMaker,
    disableHostPrefix: true,
  }),
  s3Client: new S3Client({ ...common, endpoint: place.s3, forcePathStyle: true }),
});
const siteWise = siteWiseKit.initialize({
  awsCredentials: place.credentials,
  awsRegion: place.region,
  iotSiteWiseClient: siteWiseClient(within('source-iotsitewise')),
});

const viewport = { start: new Date(place.startMs), end: new Date(place.endMs) };
/** Points of each stream, once every stream has what the viewport wants; the process's end unsubscribes. */
const streamsOf = (query, count) =>
  new Promise((resolve, reject) => {
    const provider = query.build('session', { viewport, settings: { fetchFromStartToEnd: true } });
    provider.subscribe({
      next(answers) {
        const streams = [answers].flat().flatMap((a) => a.dataStreams);
        const failed = streams.find((s) => s.error !== undefined);
        if (failed !== undefined) reject(new Error(JSON.stringify(failed.error)));
        const done = streams.filter((s) => !s.isLoading && s.data.length > 0);
        if (done.length < count) return;
        resolve(done.map((s) => s.data.map(({ x, y }) => [x, y])).sort());
      },
    });
  });
const treeOf = (query) =>
  new Promise((resolve, reject) => {
    const provider = query.build('tree');
    provider.subscribe({
      next(nodes) {
        if (nodes.length === 0 || nodes[0].asset === undefined) return;
        resolve(nodes.map((n) => n.asset.name));
      },
      error: reject,
    });
  });

async function main() {
  const { assetId, speedId, alias } = place;
  const entity = { entityId: 'pump1', componentName: 'twin' };
  const loader = twinMaker.s3SceneLoader('hall');
  const uri = await loader.getSceneUri();
  const answer = {
    twinMakerHistory: await streamsOf(
      twinMaker.query.timeSeriesData({
        ...entity,
        properties: [{ propertyName: 'speed' }, { propertyName: 'level' }],
      }),
      2,
    ),
    siteWiseHistory: await streamsOf(
      siteWise.query.timeSeriesData({
        assets: [{ assetId, properties: [{ propertyId: speedId }] }],
      }),
      1,
    ),
    siteWiseAlias: await streamsOf(
      siteWise.query.timeSeriesData({ properties: [{ propertyAlias: alias }] }),
      1,
    ),
    tree: await treeOf(siteWise.query.assetTree.fromRoot({ withModels: true })),
    uri,
    scene: Buffer.from(await loader.getSceneObject(uri)).toString(),
  };
  process.stdout.write(JSON.stringify(answer));
}
main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(String(error?.stack ?? error));
    process.exit(1);
  },
);
