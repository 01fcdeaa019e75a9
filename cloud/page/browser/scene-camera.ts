import { Box3, type Object3D, PerspectiveCamera, Vector3 } from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';

/** Where one looks from: the operator's side, a little from the left and above. */
const DIRECTION = new Vector3(-0.22, 0.34, 1).normalize();
/** Share of the picture that the machine may fill. */
const FILL = 0.98;

/** A camera that shows a whole object, and that a drag turns around it. */
export interface SceneCamera {
  camera: PerspectiveCamera;
  /** Looks at all of it again, in a picture of this width over height. */
  frame(aspect: number): void;
  /** Tells when a drag has turned it. */
  changed(listener: () => void): void;
  destroy(): void;
}

/** Watches an object on a canvas. */
export function createSceneCamera(canvas: HTMLCanvasElement, object: Object3D): SceneCamera {
  const camera = new PerspectiveCamera(16, 1, 0.01, 1000);
  const controls = new OrbitControls(camera, canvas);
  // The page scrolls with the wheel; the picture does not take it away.
  controls.enableZoom = false;
  const bounds = new Box3().setFromObject(object);
  const centre = bounds.getCenter(new Vector3());
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map(
    (i) =>
      new Vector3(
        i & 1 ? bounds.max.x : bounds.min.x,
        i & 2 ? bounds.max.y : bounds.min.y,
        i & 4 ? bounds.max.z : bounds.min.z,
      ),
  );
  return {
    camera,
    frame(aspect) {
      camera.aspect = aspect;
      camera.updateProjectionMatrix();
      camera.position.copy(centre).add(DIRECTION);
      camera.lookAt(centre);
      camera.updateMatrixWorld();
      const tangent = FILL * Math.tan((camera.fov * Math.PI) / 360);
      // Seen from the unit distance; a corner fits once its depth is so many times its height.
      const distance = corners.map((corner) => {
        const p = corner.clone().applyMatrix4(camera.matrixWorldInverse);
        return Math.max(Math.abs(p.y), Math.abs(p.x) / aspect) / tangent + p.z + 1;
      });
      camera.position.copy(centre).addScaledVector(DIRECTION, Math.max(...distance));
      controls.target.copy(centre);
      controls.update();
    },
    changed: (listener) => controls.addEventListener('change', listener),
    destroy: () => controls.dispose(),
  };
}
