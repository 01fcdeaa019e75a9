/**
 * What of a TwinMaker scene document we write.
 *
 * @see https://docs.aws.amazon.com/iot-twinmaker/latest/guide/scenes.html
 */
export interface SceneDocument {
  specVersion: '1.0';
  version: '1';
  unit: 'meters';
  properties: {
    environmentPreset: 'neutral';
    dataBindingConfig: {
      fieldMapping: { entityId: string[]; componentName: string[] };
      template: Record<string, string>;
    };
  };
  nodes: SceneNode[];
  rootNodeIndexes: number[];
  cameras: { cameraType: 'Perspective'; fov: number; near: number; far: number }[];
  defaultCameraIndex: number;
  rules: Record<string, SceneRule>;
}

export type Vector3 = [x: number, y: number, z: number];

export interface SceneNode {
  name: string;
  transform: { position: Vector3; rotation: Vector3; scale: Vector3 };
  transformConstraint: Record<string, never>;
  /** Indices of nodes. */
  children?: number[];
  components: SceneComponent[];
  properties: Record<string, never>;
}

/** Where a value comes from. */
export interface ValueDataBinding {
  dataBindingContext: { entityId: string; componentName: string; propertyName: string };
}

export type SceneComponent =
  | { type: 'ModelRef'; uri: string; modelType: 'GLB'; castShadow: boolean; receiveShadow: boolean }
  | { type: 'SubModelRef'; selector: string }
  | { type: 'ModelShader'; valueDataBinding: ValueDataBinding; ruleBasedMapId: string }
  | {
      type: 'Tag';
      icon: string;
      valueDataBinding: ValueDataBinding;
      ruleBasedMapId?: string;
    }
  | {
      type: 'DataOverlay';
      subType: 'OverlayPanel';
      dataRows: { rowType: 'Markdown'; content: string }[];
      valueDataBindings: { bindingName: string; valueDataBinding: ValueDataBinding }[];
    }
  | { type: 'Camera'; cameraIndex: number }
  | { type: 'Light'; lightType: 'Ambient' | 'Directional'; lightSettings: LightSettings };

export interface LightSettings {
  color: number;
  intensity: number;
  castShadow?: boolean;
}

/** The first statement that holds decides. */
export interface SceneRule {
  statements: { expression: string; target: string }[];
}
