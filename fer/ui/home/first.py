"""The first screen: a photo is dropped, taken or picked, and what its faces show stands beside it."""

import streamlit as st

from fer import samples
from fer.drawing import overlay_map
from fer.errors import FerError, known
from fer.ui import camera, shelf
from fer.ui.album import Reading, read_photos
from fer.ui.controls import settings_so_far
from fer.ui.loaders import list_models, open_pipeline
from fer.ui.photos import Photo, from_sample, from_upload
from fer.ui.reading import draw_bars, show_faults, show_headline, show_no_face
from fer.ui.style import describe_result, plain

OWN = "own"
FIRST_SAMPLE = "two-faces"
SHOWN, PHOTO, CAMERA, TURN = "shown", "_home_photo", "_home_camera", "_home_turn"
MOST_FACES = 6
CROP_PX, MAP_PX = 88, 112


def bring_photo() -> Photo:
    """Offer a place to drop a photo, the camera and the samples; return the one to show."""
    key = f"home_file_{st.session_state.get(TURN, 0)}"
    st.file_uploader("Drop a photo here, or choose one", key=key, on_change=_dropped, args=(key,))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if st.session_state.get(CAMERA):
            st.button("Leave the camera", icon=":material/close:", on_click=_leave_camera)
        else:
            st.button("Use my camera", icon=":material/photo_camera:", type="primary", on_click=_use_camera)
        own: Photo | None = st.session_state.get(PHOTO)
        choices = [*samples.SAMPLES, *((OWN,) if own else ())]
        chosen = st.pills(
            "Photo",
            choices,
            default=None if SHOWN in st.session_state else FIRST_SAMPLE,
            required=True,
            format_func=lambda key: "Your photo" if key == OWN else samples.SAMPLES[key].title,
            key=SHOWN,
            bind="query-params",
            on_change=_leave_camera,
            label_visibility="collapsed",
        )
    return own if own and chosen == OWN else from_sample(chosen)


def _keep(photo: Photo) -> None:
    """Show a photo from now on, here and on the Image page."""
    shelf.put(shelf.PHOTOS, photo)
    st.session_state.update({PHOTO: photo, SHOWN: OWN, "image_source": "upload", "_picked": photo.digest})
    _leave_camera()


def _dropped(key: str) -> None:
    if (file := st.session_state[key]) is not None:
        _keep(from_upload(file))
        st.session_state[TURN] = st.session_state.get(TURN, 0) + 1  # the uploader is empty again, and nothing moves


def _taken() -> None:
    if (file := st.session_state["home_camera"]) is not None:
        _keep(from_upload(file))


def _use_camera() -> None:
    st.session_state[CAMERA] = True


def _leave_camera() -> None:
    st.session_state[CAMERA] = False


def show_photo(photo: Photo) -> Reading | None:
    """Show the picture with its boxes, or the camera in its place; returns what was read, None while nothing is."""
    if st.session_state.get(CAMERA):
        if camera.can_stream():
            st.camera_input(
                "Take a photo", resolution="720p", key="home_camera", on_change=_taken, label_visibility="collapsed"
            )
            st.caption(
                "Nothing is read before you press Take Photo. If there is no picture, allow this page the camera."
            )
        else:
            st.warning(camera.Trouble.INSECURE, icon=":material/lock_open:")
        return None
    if not list_models():
        st.error("No model is installed. The folder `models` of the checkout holds one; fetch it again.")
        return None
    settings = settings_so_far()
    try:
        pipeline = open_pipeline(settings)
    except FerError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    (reading,) = read_photos([photo], settings, pipeline)
    if reading.result.error is not None:
        st.error(plain(reading.result.error), icon=":material/broken_image:")
        return None
    result = known(reading.result.result)
    with st.container(key="home_picture"):
        st.image(reading.picture_jpeg, alt=describe_result(result))
    ms = result.timings.detect_ms + result.timings.recognise_ms
    st.caption(plain(f"Read by {result.reader.model} on this machine in {ms:.0f} ms. {photo.credit}"))
    return reading


def show_answer(reading: Reading | None) -> None:
    """Show what a face shows: words, probabilities, and where the network looked."""
    if reading is None:
        with st.container(border=True):
            st.caption("What the face shows stands here as soon as there is a picture.")
        return
    faces = reading.result.faces
    if not faces:
        show_no_face()
        return
    number = 1
    if len(faces) > 1:
        number = st.segmented_control(
            "Face, the largest first",
            range(1, min(len(faces), MOST_FACES) + 1),
            default=1,
            required=True,
            format_func=lambda number: f"{number} {faces[number - 1].label}",
            key=f"home_face_{reading.photo.digest}",
            persist_state="session",
            label_visibility="collapsed",
        )
    _card(reading, number)
    st.page_link(
        "pages/image.py",
        label="Every number, and downloads" if len(faces) <= MOST_FACES else f"All {len(faces)} faces, and downloads",
        icon=":material/arrow_forward:",
        query_params=_address(reading.photo),
    )


def _address(photo: Photo) -> dict[str, str] | None:
    """What the Image page needs to know to show the same; one's own photo it has."""
    return {"image_source": "sample", "image_sample": st.session_state[SHOWN]} if photo.credit else None


def _card(reading: Reading, number: int) -> None:
    face, view, reader = reading.result.faces[number - 1], reading.views[number - 1], reading.result.reader
    with st.container(border=True, key="home_answer", gap="small"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.image(view.crop_bgr, channels="BGR", width=CROP_PX, alt=f"Face {number}, cut out")
            with st.container(gap=None):
                show_headline(face, reader.target)
        show_faults(face, reader)
        draw_bars(number, face, "home_bars")
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.image(
                overlay_map(view.seen_bgr, view.maps[:, :, face.classes.index(face.emotion)]),
                channels="BGR",
                width=MAP_PX,
                alt=f"{'Activation map' if view.has_activations else 'Map'} of {face.emotion} over face {number}",
            )
            shown = "spoke for" if view.has_activations else "lowered, when covered,"
            st.caption(f"Where it looked: bright is what {shown} *{face.emotion}*. A region, not a reason.")
